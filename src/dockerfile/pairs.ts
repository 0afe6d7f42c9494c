/** The arguments of ENV and LABEL: `name=value …`, or the old form `name value`. */

import { goQuote } from "../util/go-format.js";
import type { Pair } from "./ast.js";
import type { Fail } from "./diagnostics.js";
import type { InstructionLine } from "./instruction-line.js";
import { spanIn, wordIn } from "./logical-line.js";
import { isBlank } from "./whitespace.js";
import { splitQuoted } from "./words.js";

/** Pairs in order. Without a `=` in the first word, everything after that word is one value. */
export function parsePairs(
  kind: "ENV" | "LABEL",
  parts: InstructionLine,
  escapeChar: string,
  fail: Fail,
): Pair[] | undefined {
  const { line, rest } = parts;
  const { text } = line;
  const words = splitQuoted(line, rest, escapeChar);
  const first = words[0];
  if (first === undefined) return [];
  if (!text.slice(first.start, first.end).includes("=")) {
    let end = rest.start;
    while (end < rest.end && !isBlank(text.charCodeAt(end))) end++;
    let value = end;
    while (value < rest.end && isBlank(text.charCodeAt(value))) value++;
    if (end === rest.end) {
      const name = text.slice(rest.start, end);
      return fail(
        "value-missing",
        `${kind} must have two arguments`,
        spanIn(line, rest.start, end),
        `write ${kind} ${name}=value`,
      );
    }
    return [{ key: wordIn(line, rest.start, end), value: wordIn(line, value, rest.end), delimited: false }];
  }
  const pairs: Pair[] = [];
  for (const { start, end } of words) {
    const equals = text.indexOf("=", start);
    if (equals === -1 || equals >= end) {
      const word = text.slice(start, end);
      return fail(
        "equals-missing",
        `Syntax error - can't find = in ${goQuote(word)}. Must be of the form: name=value`,
        spanIn(line, start, end),
        word.startsWith("#")
          ? "a comment needs a line of its own"
          : 'put a value that holds blanks in double quotes: name="a value"',
      );
    }
    pairs.push({ key: wordIn(line, start, equals), value: wordIn(line, equals + 1, end), delimited: true });
  }
  return pairs;
}
