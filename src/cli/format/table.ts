/** Columns as docker's tables have them. */
import { displayWidth } from "../terminal-text.js";

const MIN_WIDTH = 10;
const PADDING = 3;

/** Lines whose cells are separated by tabs → aligned lines, each with a newline at its end. */
export function alignColumns(lines: readonly string[]): string {
  const rows = lines.map((line) => line.split("\t"));
  // As in Go's tabwriter, the last cell of a line is in no column.
  const widths: number[] = [];
  for (const row of rows) {
    for (const [at, cell] of row.slice(0, -1).entries()) {
      widths[at] = Math.max(widths[at] ?? MIN_WIDTH, displayWidth(cell) + PADDING);
    }
  }
  return rows
    .map((row) => row.map((cell, at) => (at === row.length - 1 ? cell : padded(cell, widths[at]!))).join(""))
    .map((line) => `${line}\n`)
    .join("");
}

function padded(cell: string, width: number): string {
  return cell + " ".repeat(Math.max(0, width - displayWidth(cell)));
}
