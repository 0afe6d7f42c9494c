/** The JSON form of arguments: `["a", "b"]`. Whatever starts with `[` and is no JSON array is plain text. */
import type { Word } from "./ast.js";
import { type LogicalLine, type Range, spanIn } from "./logical-line.js";

const LONE_SURROGATE = /\p{Surrogate}/gu;

/** The strings of the JSON array at `range`, `"text"` when there is none, `"not-strings"` when it holds anything else. */
export function parseJsonForm(line: LogicalLine, range: Range): Word[] | "text" | "not-strings" {
  if (line.text[range.start] !== "[") return "text";
  let values: unknown;
  try {
    values = JSON.parse(line.text.slice(range.start, range.end));
  } catch {
    return "text";
  }
  if (!Array.isArray(values)) return "text";
  // Go refuses numbers that no float64 holds, and then the line is text.
  if (values.some((value) => typeof value === "number" && !Number.isFinite(value))) return "text";
  if (!values.every((value) => typeof value === "string")) return "not-strings";
  const tokens = stringTokens(line.text, range);
  return values.map((value, index) => {
    const token = tokens[index]!;
    return { value: value.replace(LONE_SURROGATE, "\ufffd"), span: spanIn(line, token.start, token.end) };
  });
}

/** Where the string literals of a valid JSON array of strings stand, quotes included. */
function stringTokens(text: string, range: Range): Range[] {
  const tokens: Range[] = [];
  for (let at = range.start; at < range.end; at++) {
    if (text[at] !== '"') continue;
    const start = at++;
    while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
    tokens.push({ start, end: at + 1 });
  }
  return tokens;
}
