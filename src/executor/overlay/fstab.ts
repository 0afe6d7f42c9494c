/** All mounts of a run in the one table that one mount(8) takes. */
import { fstabField } from "../kit/quote.js";

export class Fstab {
  readonly #lines: (() => string)[] = [];

  /** Every argument has one character for each byte. */
  add(source: string, target: string, type: string, options: string): void {
    this.addLater(source, target, type, () => options);
  }

  /** As `add`, with options that are asked for when all mounts are known. */
  addLater(source: string, target: string, type: string, options: () => string): void {
    this.#lines.push(() => `${fstabField(source)} ${fstabField(target)} ${type} ${fstabField(options())} 0 0\n`);
  }

  /** The table, one character for each byte. */
  text(): string {
    return this.#lines.map((line) => line()).join("");
  }
}
