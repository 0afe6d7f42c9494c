import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { expandWord, expandWords, MAX_WORD_LENGTH } from "../../src/dockerfile/expand.js";
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

function outcome(word: string, escape?: "`"): { result?: string; error?: string } {
  try {
    return { result: expandWord(word, variables, escape === undefined ? {} : { escape }).value };
  } catch (error) {
    if (!isOcibuildError(error, "DOCKERFILE_EXPANSION")) throw error;
    return { error: error.message };
  }
}

/** Rows whose answer comes from the parser before any expansion. */
function isParserRow(row: Row): boolean {
  return row.error?.startsWith("LABEL must have") ?? false;
}

describe("expandWord", () => {
  it.each(table.rows.filter((row) => !isParserRow(row)))("expands $word as BuildKit does", (row) => {
    // The table's words stand at the end of a line, where an escape character is a continuation and gone.
    const escape = row.escape ?? "\\";
    const word = row.word.endsWith(escape) && !row.word.endsWith(escape + escape) ? row.word.slice(0, -1) : row.word;
    expect(outcome(word, row.escape)).toEqual(row.error === undefined ? { result: row.result } : { error: row.error });
  });
});
