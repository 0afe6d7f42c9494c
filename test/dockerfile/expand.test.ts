import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ExpandOptions, expandWord, expandWords, MAX_WORD_LENGTH } from "../../src/dockerfile/expand.js";
import { isOcibuildError } from "../../src/errors.js";

interface Row {
  readonly word: string;
  readonly escape?: "`";
  readonly result?: string;
  readonly error?: string;
}

const table = JSON.parse(
  readFileSync(new URL("../fixtures/conformance/tables/expansion.json", import.meta.url), "utf8"),
) as { readonly env: Readonly<Record<string, string>>; readonly rows: readonly Row[] };
const variables = new Map(Object.entries(table.env));

function expand(word: string, options: ExpandOptions = {}): string {
  return expandWord(word, variables, options).value;
}

function outcome(word: string, escapeCharacter?: "`"): { result?: string; error?: string } {
  try {
    return { result: expand(word, escapeCharacter === undefined ? {} : { escape: escapeCharacter }) };
  } catch (error) {
    if (!isOcibuildError(error, "DOCKERFILE_EXPANSION")) throw error;
    return { error: error.message };
  }
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (isOcibuildError(error)) return error.code;
    throw error;
  }
  return "none";
}

describe("expandWord", () => {
  // What a parser refuses before any expansion is no question for this table.
  const rows = table.rows.filter((row) => row.error?.startsWith("LABEL must have") !== true);

  it.each(rows)("expands $word as BuildKit does", (row) => {
    // The table's words stand at the end of a line, where an escape character is a continuation and gone.
    const last = row.escape ?? "\\";
    const word = row.word.endsWith(last) && !row.word.endsWith(last + last) ? row.word.slice(0, -1) : row.word;
    expect(outcome(word, row.escape)).toEqual(row.error === undefined ? { result: row.result } : { error: row.error });
  });

  it("tells which variables it looked up, and which of them are not set", () => {
    const { matched, unmatched } = expandWord("$A${NONE:-$EMPTY}${NONE2+x}", variables);
    expect([...matched]).toEqual(["A", "EMPTY"]);
    expect([...unmatched]).toEqual(["NONE", "NONE2"]);
  });

  it("keeps references to unset variables when asked to", () => {
    const words = "$NONE ${NONE} ${NONE:-x} ${NONE#a*} ${NONE/a/b} $A";
    expect(expand(words, { keepUnset: true })).toBe("$NONE ${NONE} ${NONE:-x} ${NONE#a*} ${NONE/a/b} val");
  });

  it("leaves quotes alone in heredoc bodies, but takes escapes", () => {
    expect(expand(`say "it's $A" \\$A \\\\n`, { ignoreQuotes: true })).toBe(`say "it's val" $A \\n`);
  });

  it("keeps quotes and escapes when asked to", () => {
    expect(expand(`'$A' "$A" \\$A`, { keepQuotes: true })).toBe(`'$A' "val" $A`);
    expect(expand(`\\$A "\\$A"`, { keepEscapes: true })).toBe(`\\$A \\$A`);
  });

  it("drops a byte order mark at the front, as Go's scanner does", () => {
    expect(expand("\ufeffx\ufeff")).toBe("x\ufeff");
  });

  it("returns words without special characters as they are", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[^$<'"\\\ufeff]*$/u), (word) => {
        expect(expandWord(word, new Map()).value).toBe(word);
      }),
    );
  });

  it("throws nothing but its own errors, whatever the word", () => {
    const pieces = [
      "$",
      "{",
      "}",
      "A",
      "x",
      ":",
      "-",
      "+",
      "?",
      "#",
      "%",
      "/",
      "*",
      "'",
      '"',
      "\\",
      "<",
      " ",
      "\n",
      "ü",
      "😀",
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces)), (parts) => {
        expect(["none", "DOCKERFILE_EXPANSION"]).toContain(codeOf(() => expand(parts.join(""))));
        expect(["none", "DOCKERFILE_EXPANSION"]).toContain(codeOf(() => expandWords(parts.join(""), variables)));
      }),
      { numRuns: 2000 },
    );
  });

  it("C2: refuses a word over 1 MiB before it is made", () => {
    const values = new Map([["A", "a".repeat(MAX_WORD_LENGTH / 2)]]);
    expect(expandWord("$A$A", values).value).toHaveLength(MAX_WORD_LENGTH);
    expect(codeOf(() => expandWord("$A$A.", values))).toBe("LIMIT_EXCEEDED");
    expect(codeOf(() => expandWord('"$A$A$A"', values))).toBe("LIMIT_EXCEEDED");
    expect(codeOf(() => expandWord("${A//a/'$0$0$0'}", values))).toBe("LIMIT_EXCEEDED");
    expect(codeOf(() => expandWord("${A:+$A$A$A}", values))).toBe("LIMIT_EXCEEDED");
  });

  it("C2: refuses variables nested thousands deep instead of overflowing the stack", () => {
    const depth = 20_000;
    expect(codeOf(() => expandWord("${X:-".repeat(depth) + "}".repeat(depth), variables))).toBe("LIMIT_EXCEEDED");
    expect(codeOf(() => expandWord("${X:-".repeat(depth), variables))).toBe("LIMIT_EXCEEDED");
  });

  it.each(["__proto__", "constructor", "toString", "hasOwnProperty"])("C4: %s is a name like any other", (name) => {
    expect(expandWord(`[$${name}]`, new Map()).value).toBe("[]");
    expect(expandWord(`[$${name}]`, new Map([[name, "v"]])).value).toBe("[v]");
  });
});

describe("expandWords", () => {
  it("splits at blanks, also those that variables bring in", () => {
    expect(expandWords("a $S\tb", variables)).toEqual(["a", "two", "words", "b"]);
  });

  it("does not split in quotes or behind an escape character", () => {
    expect(expandWords(`"$S" a\\ b 'c d'`, variables)).toEqual(["two words", "a b", "c d"]);
  });

  it("loses what stands before a nested word, as BuildKit does", () => {
    expect(expandWords("a${NONE:-b}c", variables)).toEqual(["bc"]);
  });

  it("gives no words for nothing", () => {
    expect(expandWords("  $NONE ", variables)).toEqual([]);
  });
});
