/** Bytes of a command's output → lines that are safe to show. */
import { safeText } from "../terminal-text.js";

/** A line that is longer comes in pieces: an endless one must not fill the memory (threat L7). */
const MAX_LINE = 16_384;

export class OutputLines {
  readonly #decoder = new TextDecoder("utf-8");
  #rest = "";

  /** The lines that `chunk` completes. A carriage return ends a line too, so that it cannot hide what stood there. */
  push(chunk: Uint8Array): string[] {
    return this.#split(this.#decoder.decode(chunk, { stream: true }));
  }

  /** What came after the last line end. */
  end(): string[] {
    const lines = this.#split(this.#decoder.decode());
    const rest = this.#rest.replace(/\r$/, "");
    this.#rest = "";
    return rest === "" ? lines : [...lines, safeText(rest)];
  }

  #split(text: string): string[] {
    // A carriage return at the end may be the first half of a line end.
    const parts = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = parts.pop() ?? "";
    while (this.#rest.length > MAX_LINE) {
      parts.push(this.#rest.slice(0, MAX_LINE));
      this.#rest = this.#rest.slice(MAX_LINE);
    }
    return parts.map(safeText);
  }
}
