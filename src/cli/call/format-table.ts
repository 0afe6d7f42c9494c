/** Rows in columns, as wide as their widest cell. */
import { displayWidth, safeLine } from "../terminal-text.js";

/** One line for each row; the last column is not filled up. @param gap blanks between columns */
export function formatTable(rows: readonly (readonly string[])[], gap: number): string {
  const safe = rows.map((row) => row.map(safeLine));
  const widths: number[] = [];
  for (const row of safe) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, displayWidth(cell));
  }
  const lines = safe.map((row) =>
    row.map((cell, column) => {
      const isLast = column === row.length - 1;
      return isLast ? cell : cell + " ".repeat(widths[column]! - displayWidth(cell) + gap);
    }),
  );
  return lines.map((cells) => `${cells.join("")}\n`).join("");
}
