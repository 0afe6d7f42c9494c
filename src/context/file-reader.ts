/** Reads one open file and notices when it is not the file that was seen before (threat C8). */
import { closeSync, fstatSync, readSync } from "node:fs";
import type { ContentReader } from "../tree/file-tree.js";
import type { FileIdentity } from "./stat-cache.js";

/** The errors of the tree that the file is in. */
export interface ReaderErrors {
  changed(): Error;
  unreadable(cause: unknown): Error;
}

const NANOS = 1_000_000_000n;

/**
 * Gives exactly as many bytes as the file had when it was seen; neither pads nor cuts. The comparison with `expected`
 * is made once, after the last byte, so that it covers everything that was read.
 */
export class FileReader implements ContentReader {
  readonly #fd: number;
  readonly #expected: FileIdentity & { readonly dev: number };
  readonly #errors: ReaderErrors;
  #left: number;
  #isOpen = true;

  constructor(fd: number, expected: FileIdentity & { readonly dev: number }, errors: ReaderErrors) {
    this.#fd = fd;
    this.#expected = expected;
    this.#errors = errors;
    this.#left = expected.size;
  }

  read(target: Buffer, offset: number, length: number): number {
    if (this.#left === 0) return 0;
    let count: number;
    try {
      count = readSync(this.#fd, target, offset, Math.min(length, this.#left), null);
    } catch (error) {
      // EISDIR and EAGAIN: a folder or a pipe has taken the file's place.
      const { code } = error as NodeJS.ErrnoException;
      throw code === "EISDIR" || code === "EAGAIN" ? this.#errors.changed() : this.#errors.unreadable(error);
    }
    if (count === 0) throw this.#errors.changed();
    this.#left -= count;
    return count;
  }

  /** Does not look for changes when the file was not read to its end: nobody has used it then. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    try {
      if (this.#left === 0 && !this.#isUnchanged()) throw this.#errors.changed();
    } finally {
      closeSync(this.#fd);
    }
  }

  #isUnchanged(): boolean {
    const now = fstatSync(this.#fd, { bigint: true });
    const then = this.#expected;
    return (
      Number(now.ino) === then.ino &&
      Number(now.dev) === then.dev &&
      Number(now.size) === then.size &&
      now.mtimeNs === BigInt(then.mtimeSeconds) * NANOS + BigInt(then.mtimeNanos) &&
      now.ctimeNs === BigInt(then.ctimeSeconds) * NANOS + BigInt(then.ctimeNanos)
    );
  }
}
