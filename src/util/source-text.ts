/** A named text with line arithmetic: offsets ⇄ lines, and the excerpt that errors show. */
import type { SourceLocation, Span } from "../errors.js";
import { hideCredentialsIn } from "./hide-credentials.js";

export interface SourceText {
  /** Name as the user knows it. */
  readonly name: string;
  readonly text: string;
  /** Offset of the first character of each line. */
  readonly lineStarts: readonly number[];
}

/** Wraps `text`; lines end at `\n`. */
export function sourceText(name: string, text: string): SourceText {
  const lineStarts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) lineStarts.push(at + 1);
  return { name, text, lineStarts };
}

/** 1-based line and column of `offset`. */
export function positionAt(source: SourceText, offset: number): { line: number; column: number } {
  let low = 0;
  let high = source.lineStarts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (source.lineStarts[middle]! <= offset) low = middle;
    else high = middle - 1;
  }
  return { line: low + 1, column: offset - source.lineStarts[low]! + 1 };
}

/** A run of lines, 1-based, both ends in it. */
export interface LineRange {
  readonly first: number;
  readonly last: number;
}

/** The lines that `span` touches. */
export function linesOf(source: SourceText, { start, end }: Span): LineRange {
  return { first: positionAt(source, start).line, last: positionAt(source, Math.max(start, end - 1)).line };
}

/** The text of 1-based line `line`, without its newline. */
export function lineAt(source: SourceText, line: number): string {
  const start = source.lineStarts[line - 1] ?? source.text.length;
  const next = source.lineStarts[line];
  return source.text.slice(start, next === undefined ? undefined : next - 1).replace(/\r$/, "");
}

/** Longest part of a source line that an excerpt shows. */
const EXCERPT_WIDTH = 160;

/** Line, column and excerpt (the line before, the line, a caret line, the line after) of `span`. */
export function locate(source: SourceText, span: Span): SourceLocation {
  const { line, column } = positionAt(source, span.start);
  const end = positionAt(source, Math.max(span.start, span.end - 1));
  const last = Math.min(line + 1, source.lineStarts.length);
  const gutter = String(last).length;
  const rows: string[] = [];
  for (let number = Math.max(1, line - 1); number <= last; number++) {
    const shown = hideCredentialsIn(lineAt(source, number), EXCERPT_WIDTH);
    if (number === last && number !== line && shown.trim() === "") continue;
    rows.push(`${number === line ? ">" : " "} ${String(number).padStart(gutter)} | ${shown}`.trimEnd());
    if (number === line && column <= EXCERPT_WIDTH) {
      const width = end.line === line ? Math.max(1, end.column - column + 1) : Math.max(1, shown.length - column + 1);
      const indent = shown.slice(0, column - 1).replace(/[^\t]/g, " ");
      rows.push(`  ${" ".repeat(gutter)} | ${indent}${"^".repeat(Math.min(width, EXCERPT_WIDTH))}`);
    }
  }
  return { file: source.name, line, column, excerpt: rows.join("\n") };
}
