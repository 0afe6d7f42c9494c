import { describe, expect, it } from "vitest";
import { only, parse, problemOf, sliceOf } from "../support/dockerfile.js";

describe("the JSON form", () => {
  it.each([
    ['["a", "b c"]', ["a", "b c"]],
    ["[]", []],
    [' [ "\\u00e9\\n\\"" ] ', ['é\n"']],
    ['["\\ud800x"]', ["\ufffdx"]],
    ['["a"\\\n,"b"]', ["a", "b"]],
  ])("%s is a list of strings", (json, args) => {
    expect(only("CMD", `CMD ${json}`).command).toMatchObject({ form: "exec", args });
  });

  it.each(['["a",]', "['a']", "[a]", '["a"] b', "[ -f x ]", '["a', "[1e999]", '"a"'])(
    "%s is text for the shell",
    (text) => {
      expect(only("RUN", `RUN ${text}`).command).toMatchObject({ form: "shell", line: text });
    },
  );

  it.each([
    "CMD [1]",
    'RUN ["a", null]',
    'COPY [["a"], "b"]',
    "VOLUME [{}]",
    "HEALTHCHECK CMD [true]",
    "ONBUILD CMD [1]",
  ])("holds strings only: %s", (text) => {
    expect(problemOf(text).message).toBe("when using JSON array syntax, arrays must be comprised of strings only");
  });

  it("gives words whose spans are the string literals", () => {
    const { source, stages } = parse('FROM a\nCOPY ["a \\"b", "\\u0063", "/d/"]\n');
    const [copy] = stages[0]!.instructions;
    if (copy?.kind !== "COPY") throw new Error("expected COPY");
    expect([...copy.sources, copy.destination].map(({ value, span }) => [value, sliceOf(source, span)])).toEqual([
      ['a "b', '"a \\"b"'],
      ["c", '"\\u0063"'],
      ["/d/", '"/d/"'],
    ]);
  });

  it.each([
    ["CMD ['a', 'b']", true],
    ['CMD ["a" "b"]', true],
    ["ENTRYPOINT [a, b]", true],
    ['RUN [ "$x" = "y" ]', false],
    ["RUN [ -f x ]", false],
    ["RUN [[ a == b ]]", false],
    ["CMD a [b]", false],
  ])("that is not valid gets a warning where it was meant: %s", (text, warned) => {
    const { diagnostics } = parse(`FROM a\n${text}\n`);
    expect(diagnostics.map(({ code }) => code)).toEqual(warned ? ["json-form-malformed"] : []);
  });
});
