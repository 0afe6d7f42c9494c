/** A logical line: an instruction's text with continuations joined, which knows where in the file each character came from. */
import type { Span } from "../errors.js";
import type { Word } from "./ast.js";

/** A run of characters that is contiguous in the file. */
interface Piece {
  /** Offset in `LogicalLine.text`. */
  readonly at: number;
  /** Offset in the source text. */
  readonly offset: number;
}

export interface LogicalLine {
  readonly text: string;
  /** Ordered by `at`; the first has `at` 0. */
  readonly pieces: readonly Piece[];
}

/** A half-open range of offsets in `LogicalLine.text`. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Where `[start, end)` of the line's text stands in the file, escapes and newlines between its parts included. */
export function spanIn(line: LogicalLine, start: number, end: number): Span {
  const from = offsetIn(line, start);
  return { start: from, end: end > start ? offsetIn(line, end - 1) + 1 : from };
}

/** The word at `[start, end)`, as written. */
export function wordIn(line: LogicalLine, start: number, end: number): Word {
  return { value: line.text.slice(start, end), span: spanIn(line, start, end) };
}

function offsetIn(line: LogicalLine, at: number): number {
  const { pieces } = line;
  let low = 0;
  let high = pieces.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (pieces[middle]!.at <= at) low = middle;
    else high = middle - 1;
  }
  const piece = pieces[low]!;
  return piece.offset + (at - piece.at);
}
