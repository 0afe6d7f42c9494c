/** Dockerfile texts for property tests. */
import fc from "fast-check";

/** Text of the shape of a Dockerfile, with everything that the parser treats specially. */
export const dockerfileText: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ..."FROM RUN COPY ADD ENV ARG LABEL CMD SHELL VOLUME HEALTHCHECK ONBUILD EXPOSE USER NONE AS".split(" "),
        ..."--link --from=a --mount=type=cache,from=x --interval=1s -- # # escape=` # a <<E <<-E <<'E' E".split(" "),
        ...[
          " ",
          "\n",
          "\n",
          "\r\n",
          "\\\n",
          "`\n",
          "\\ \n",
          "\t",
          "#",
          "=",
          '"',
          "'",
          "\\",
          "[",
          "]",
          ",",
          "$",
          "${",
          "}",
          "\u2028",
        ],
        ...['["a"]', "a=b", "a", "/", "1", ":", "\0", "\ufeff", "\ud800", "😀", "__proto__"],
      ),
      fc.string({ maxLength: 3 }),
    ),
    { maxLength: 40 },
  )
  .map((parts) => parts.join(""));
