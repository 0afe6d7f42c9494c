/** As much of a terminal as our pictures need: lines that wrap, cursor up, erasing, a hidden cursor. */
import { displayWidth } from "../../../src/cli/terminal-text.js";

export class Screen {
  readonly #columns: number;
  /** Rows of cells; a wide character has an empty cell after it. */
  readonly #rows: string[][] = [[]];
  #row = 0;
  #column = 0;
  isCursorVisible = true;

  constructor(columns: number) {
    this.#columns = columns;
  }

  /** Without blanks at the ends of rows and without blank rows at the end. */
  get text(): string {
    return this.#rows
      .map((row) =>
        Array.from(row, (cell) => cell ?? " ")
          .join("")
          .trimEnd(),
      )
      .join("\n")
      .trimEnd();
  }

  write(text: string): void {
    for (const [token] of text.matchAll(/\x1b\[([?0-9;]*)([A-Za-z])|[^\x1b]/gsu)) this.#take(token);
  }

  #take(token: string): void {
    if (token === "\n") this.#to(this.#row + 1, 0);
    else if (token === "\r") this.#column = 0;
    else if (token.startsWith("\x1b")) this.#control(token);
    else this.#put(token, displayWidth(token));
  }

  #put(character: string, width: number): void {
    if (width === 0) return;
    if (this.#column + width > this.#columns) this.#to(this.#row + 1, 0);
    const row = this.#rows[this.#row]!;
    row[this.#column] = character;
    if (width === 2) row[this.#column + 1] = "";
    this.#column += width;
  }

  #control(sequence: string): void {
    const [, parameter = "", letter] = /^\x1b\[([?0-9;]*)([A-Za-z])$/.exec(sequence)!;
    const row = this.#rows[this.#row]!;
    if (letter === "A") this.#to(Math.max(0, this.#row - Number(parameter)), this.#column);
    else if (letter === "K") row.splice(this.#column);
    else if (letter === "J") {
      row.splice(this.#column);
      this.#rows.splice(this.#row + 1);
    } else if (sequence === "\x1b[?25l") this.isCursorVisible = false;
    else if (sequence === "\x1b[?25h") this.isCursorVisible = true;
    else if (letter !== "m") throw new Error(`unexpected sequence ${JSON.stringify(sequence)}`);
  }

  #to(row: number, column: number): void {
    while (this.#rows.length <= row) this.#rows.push([]);
    this.#row = row;
    this.#column = column;
  }
}
