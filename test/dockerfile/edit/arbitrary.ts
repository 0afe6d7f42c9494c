/** Descriptions of instructions, with the characters in them that make trouble. */
import fc from "fast-check";
import type { InstructionDescription, Text } from "../../../src/dockerfile/edit/descriptions.js";

const troubled = fc
  .array(
    fc.constantFrom(
      ..."a b c / . - _ = , : # \\ ` \" ' [ ] { } ( ) & | ; * ? ! ~ < << > é 😀 -- --x 0 1 \u00a0 \u0085 \t AS COPY".split(
        " ",
      ),
      " ",
      "  ",
      "\\n",
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(""));

/** Any text in one line, as it should come out of expansion. */
export const literalText: fc.Arbitrary<{ literal: string }> = fc
  .oneof(
    troubled,
    troubled.map((text) => `$${text}`),
    fc.string({ unit: "grapheme", maxLength: 10 }),
  )
  .filter((text) => !/[\n\r]/.test(text))
  .map((literal) => ({ literal }));

const reference = fc.constantFrom("$A", "${A}", "${A:-x}", "${A:+$B}", "${A#*/}", "$");

/** Text with variables. */
const templateText: fc.Arbitrary<Text> = fc
  .array(
    fc.oneof(
      literalText.map(({ literal }) => literal.replaceAll("$", "")),
      reference,
    ),
    { maxLength: 4 },
  )
  .map((parts) => parts.join(""));

const text: fc.Arbitrary<Text> = fc.oneof(literalText, templateText);
const name = fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_.-]{0,8}$/);
const optional = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined });
const shellLine = troubled.map((line) => `x ${line}`);
const execArgs = fc.array(fc.string({ unit: "grapheme", maxLength: 6 }), { minLength: 1, maxLength: 3 });
const command = fc.oneof(shellLine, execArgs);
const lines = fc
  .array(fc.string({ unit: "grapheme-ascii", maxLength: 8 }))
  .map((rows) => rows.map((row) => `${row}\n`).join(""));
const contents = fc.uniqueArray(
  fc.record({ name: fc.constantFrom("EOF", "A", "b.txt", "x-y"), content: lines, expand: fc.boolean() }),
  { selector: (content) => content.name, maxLength: 2 },
);
const transfer = {
  sources: fc.array(text, { minLength: 1, maxLength: 3 }),
  destination: text,
  chown: optional(text),
  chmod: optional(fc.constantFrom("644", "u+x", "$MODE")),
  link: fc.boolean(),
  exclude: fc.array(name, { maxLength: 2 }),
};
const duration = fc.constantFrom("30s", "1m30s", "90s", "1h", "1.5s", "10ms");

/** Nearly all of them can be written; what cannot must be refused. */
export const description: fc.Arbitrary<InstructionDescription> = fc.oneof(
  fc.record({ kind: fc.constant("FROM" as const), image: name, platform: optional(text), as: optional(name) }),
  fc.record({
    kind: fc.constant("ARG" as const),
    args: fc.array(fc.record({ name, value: optional(text) }), { minLength: 1, maxLength: 3 }),
  }),
  fc.record({
    kind: fc.constantFrom("ENV" as const, "LABEL" as const),
    pairs: fc.array(fc.record({ key: name, value: text }), { minLength: 1, maxLength: 3 }),
  }) as fc.Arbitrary<InstructionDescription>,
  fc.record({
    kind: fc.constant("RUN" as const),
    command,
    mounts: fc.array(
      fc.oneof(
        fc.record({ type: fc.constant("cache"), target: text, id: text }),
        fc.constant("type=secret,id=x,required"),
      ),
      { maxLength: 2 },
    ),
    network: optional(fc.constantFrom("none", "host")),
    security: optional(fc.constant("insecure")),
    devices: fc.array(fc.record({ name, required: fc.boolean() }), { maxLength: 1 }),
  }),
  fc.record({ kind: fc.constant("RUN" as const), script: lines }),
  fc.record({ kind: fc.constant("COPY" as const), ...transfer, from: optional(name), parents: fc.boolean() }),
  fc.record({ kind: fc.constant("COPY" as const), ...transfer, contents }),
  fc.record({
    kind: fc.constant("ADD" as const),
    ...transfer,
    checksum: optional(text),
    keepGitDir: optional(fc.boolean()),
    unpack: optional(fc.boolean()),
  }),
  fc.record({ kind: fc.constant("WORKDIR" as const), path: text }),
  fc.record({ kind: fc.constant("USER" as const), user: text }),
  fc.record({ kind: fc.constant("STOPSIGNAL" as const), signal: text }),
  fc.record({ kind: fc.constant("EXPOSE" as const), ports: fc.array(fc.nat(), { minLength: 1, maxLength: 3 }) }),
  fc.record({ kind: fc.constant("VOLUME" as const), paths: fc.array(text, { minLength: 1, maxLength: 3 }) }),
  fc.record({
    kind: fc.constantFrom("CMD" as const, "ENTRYPOINT" as const),
    command,
  }) as fc.Arbitrary<InstructionDescription>,
  fc.record({ kind: fc.constant("SHELL" as const), args: execArgs }),
  fc.record({
    kind: fc.constant("HEALTHCHECK" as const),
    check: fc.oneof(
      fc.constant("none" as const),
      fc.record({ command, interval: optional(duration), timeout: optional(duration), retries: fc.nat(5) }),
    ),
  }),
  fc.record({
    kind: fc.constant("ONBUILD" as const),
    trigger: fc.oneof(
      fc.record({ kind: fc.constant("RUN" as const), script: lines }),
      fc.record({ kind: fc.constant("WORKDIR" as const), path: text }),
    ),
  }),
);
