/** The two ways in which arguments become words: at blanks, or at spaces outside of quotes. */
import type { Word } from "./ast.js";
import { type LogicalLine, type Range, wordIn } from "./logical-line.js";
import { isBlank, isSpace } from "./whitespace.js";

/** The words of FROM, COPY, ADD, EXPOSE and VOLUME: separated by ASCII blanks, quotes mean nothing. */
export function splitBlanks(line: LogicalLine, range: Range): Word[] {
  const { text } = line;
  const words: Word[] = [];
  let at = range.start;
  while (at < range.end) {
    const start = at;
    while (at < range.end && !isBlank(text.charCodeAt(at))) at++;
    words.push(wordIn(line, start, at));
    while (at < range.end && isBlank(text.charCodeAt(at))) at++;
  }
  return words;
}

/**
 * The words of ARG, ENV and LABEL: separated by spaces outside of quotes. Quotes and escapes stay in the words; an escape
 * at the very end is dropped. An unbalanced quote reaches to the end; expansion will complain.
 */
export function splitQuoted(line: LogicalLine, range: Range, escapeChar: string): Range[] {
  const { text } = line;
  const words: Range[] = [];
  let at = range.start;
  while (at < range.end) {
    if (isSpace(text.charCodeAt(at))) {
      at++;
      continue;
    }
    const start = at;
    let quote = "";
    let end = range.end;
    while (at < range.end) {
      const char = text[at]!;
      if (quote === "" && isSpace(char.charCodeAt(0))) {
        end = at;
        break;
      }
      if (quote === "" ? char === '"' || char === "'" : char === quote) {
        quote = quote === "" ? char : "";
      } else if (char === escapeChar && quote !== "'") {
        at++;
        if (at === range.end) end = range.end - 1;
      }
      at++;
    }
    if (end > start) words.push({ start, end });
  }
  return words;
}
