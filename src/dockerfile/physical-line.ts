/** The lines of the file as they stand: where each begins and ends, without byte order mark and line ending. */
import type { SourceText } from "../util/source-text.js";
import type { Range } from "./logical-line.js";

/** Offsets of line `index` (from 0), without the newline, the carriage returns before it, and the byte order mark. */
export function physicalLine(source: SourceText, index: number): Range {
  const { text, lineStarts } = source;
  let start = lineStarts[index]!;
  if (start === 0 && text.charCodeAt(0) === 0xfeff) start = 1;
  let end = endOfLine(source, index);
  while (end > start && (text.charCodeAt(end - 1) === 10 || text.charCodeAt(end - 1) === 13)) end--;
  return { start, end };
}

/** Offset after line `index` and its newline. */
export function endOfLine(source: SourceText, index: number): number {
  return source.lineStarts[index + 1] ?? source.text.length;
}

/** Number of lines that hold anything: text that ends in a newline has no further line after it. */
export function lineCount(source: SourceText): number {
  const count = source.lineStarts.length;
  return source.lineStarts[count - 1] === source.text.length ? count - 1 : count;
}
