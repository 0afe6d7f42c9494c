/** One logical line → keyword, flags, arguments. Flags stand between the keyword and the arguments. */
import type { Flag, Word } from "./ast.js";
import { type LogicalLine, type Range, spanIn, wordIn } from "./logical-line.js";
import { isBlank, isSpace, skipSpace, trimSpaceEnd } from "./whitespace.js";

/** The parts of `KEYWORD --flag=value arguments`. */
export interface InstructionLine {
  readonly line: LogicalLine;
  readonly keyword: Word;
  readonly flags: readonly Flag[];
  /** The arguments, spaces around them trimmed. */
  readonly rest: Range;
}

/** Splits the part `[start, end)` of `line`. */
export function splitInstruction(line: LogicalLine, start: number, end: number, escapeChar: string): InstructionLine {
  const { text } = line;
  start = skipSpace(text, start, end);
  end = trimSpaceEnd(text, start, end);
  let at = start;
  while (at < end && !isBlank(text.charCodeAt(at))) at++;
  const keyword = wordIn(line, start, at);
  const flags: Flag[] = [];
  for (;;) {
    at = skipSpace(text, at, end);
    if (!text.startsWith("--", at) || at + 2 > end) break;
    const flag = readFlag(line, at, end, escapeChar);
    at = flag.end;
    if (flag.text === "--") break;
    flags.push(flag.flag);
  }
  at = skipSpace(text, at, end);
  return { line, keyword, flags, rest: { start: at, end } };
}

/** The flag at `start`: up to a space outside of quotes; quotes and escapes are taken away. */
function readFlag(
  line: LogicalLine,
  start: number,
  end: number,
  escapeChar: string,
): { text: string; end: number; flag: Flag } {
  const { text } = line;
  let value = "";
  let equals: number | undefined;
  let equalsAt = start;
  let quote = "";
  let at = start;
  for (; at < end; at++) {
    let char = text[at]!;
    if (quote === "" && isSpace(char.charCodeAt(0))) break;
    if (quote === "" && (char === '"' || char === "'")) {
      quote = char;
      continue;
    }
    if (char === quote) {
      quote = "";
      continue;
    }
    if (char === escapeChar) {
      if (at + 1 === end) continue;
      char = text[++at]!;
    }
    if (char === "=" && equals === undefined) {
      equals = value.length;
      equalsAt = at;
    }
    value += char;
  }
  const flag: Flag =
    equals === undefined
      ? { name: value.slice(2), value: undefined, span: spanIn(line, start, at), valueSpan: undefined }
      : {
          name: value.slice(2, equals),
          value: value.slice(equals + 1),
          span: spanIn(line, start, at),
          valueSpan: spanIn(line, equalsAt + 1, at),
        };
  return { text: value, end: at, flag };
}
