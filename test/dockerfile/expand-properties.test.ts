import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { expandWord } from "../../src/dockerfile/expand.js";
import { runs } from "../support/runs.js";

const VARIABLES = new Map([
  ["A", "a b"],
  ["B", "$A"],
  ["EMPTY", ""],
]);

/** A piece of a word, and what it stands for. */
interface Piece {
  readonly text: string;
  readonly value: string;
}

const plain = fc.stringMatching(/^[a-z0-9/.:=,@ -]{1,4}$/);
const name = fc.constantFrom("A", "B", "EMPTY", "NONE");

/** The grammar of words, said once more: pieces made by rules, each with its meaning. */
const { word } = fc.letrec<{ word: Piece; quoted: Piece; reference: Piece }>((tie) => ({
  word: fc
    .array(
      fc.oneof(
        { depthSize: "small" },
        plain.map((text) => ({ text, value: text })),
        fc.constantFrom(...`"'$\\x #`).map((char) => ({ text: `\\${char}`, value: char })),
        fc.stringMatching(/^[a-z$"\\{} ]{0,4}$/).map((text) => ({ text: `'${text}'`, value: text })),
        tie("quoted"),
        tie("reference"),
      ),
      { maxLength: 4 },
    )
    .map(joined),
  quoted: fc
    .array(
      fc.oneof(
        { depthSize: "small" },
        plain.map((text) => ({ text, value: text })),
        fc.constantFrom('"', "$", "\\").map((char) => ({ text: `\\${char}`, value: char })),
        // An escape character is one only before these three.
        fc.constant({ text: "\\n'", value: "\\n'" }),
        tie("reference"),
      ),
      { maxLength: 3 },
    )
    .map((pieces) => ({ text: `"${joined(pieces).text}"`, value: joined(pieces).value })),
  reference: fc.oneof(
    { depthSize: "small" },
    name.map((each) => ({ text: `\${${each}}`, value: VARIABLES.get(each) ?? "" })),
    name.map((each) => ({ text: `$${each}/`, value: `${VARIABLES.get(each) ?? ""}/` })),
    fc.tuple(name, fc.constantFrom(":-", "-", ":+", "+"), tie("word")).map(([each, modifier, other]) => {
      const value = VARIABLES.get(each);
      const isSet = modifier.startsWith(":") ? value !== undefined && value !== "" : value !== undefined;
      const text = `\${${each}${modifier}${other.text}}`;
      if (modifier.endsWith("-")) return { text, value: isSet ? value! : other.value };
      return { text, value: isSet ? other.value : "" };
    }),
  ),
}));

function joined(pieces: readonly Piece[]): Piece {
  return { text: pieces.map(({ text }) => text).join(""), value: pieces.map(({ value }) => value).join("") };
}

describe("expandWord", () => {
  it("makes of a word what its grammar says", () => {
    let references = 0;
    fc.assert(
      fc.property(word, ({ text, value }) => {
        if (text.includes("$")) references++;
        expect(expandWord(text, VARIABLES).value).toBe(value);
      }),
      { numRuns: runs(2000) },
    );
    expect(references).toBeGreaterThan(500);
  });

  it("does not expand what a variable brings in", () => {
    expect(expandWord("$B ${B:-x} \"$B\" '$B'", VARIABLES).value).toBe("$A $A $A $B");
  });

  it("C2: each reference is looked up once, however deep it is", () => {
    for (const form of [":-", ":+", "-", "+", "#", "%"]) {
      for (const depth of [10, 100, 190]) {
        let lookUps = 0;
        const variables = { get: (): string => String(lookUps++) };
        expandWord(`${`\${V${form}`.repeat(depth)}x${"}".repeat(depth)}`, variables);
        expect(lookUps).toBe(depth);
      }
    }
  });

  it("C2: a word never becomes longer than the limit, and the limit is the only thing that stops it", () => {
    fc.assert(
      fc.property(word, fc.nat(12), ({ text, value }, maxLength) => {
        let made: string | undefined;
        try {
          made = expandWord(text, VARIABLES, { maxLength }).value;
        } catch (error) {
          expect(error).toMatchObject({ code: "LIMIT_EXCEEDED" });
        }
        if (made !== undefined) expect(made).toBe(value);
        else expect(text.length + value.length).toBeGreaterThan(maxLength);
      }),
      { numRuns: runs(500) },
    );
  });
});
