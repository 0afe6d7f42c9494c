/**
 * The log of one command while it runs: short ones are in memory until the end, longer ones go to a file as they come. One
 * that does not end keeps its beginning on the disk and its last lines, and says how much is missing between them (L7).
 */
import type { PendingFile } from "./pending-file.js";

export interface OutputLogLimits {
  /** What is collected before something is written. */
  readonly blockBytes: number;
  /** Of the beginning. */
  readonly firstBytes: number;
  /** Of the end, once the beginning is full; in memory. */
  readonly lastBytes: number;
}

export const OUTPUT_LOG_LIMITS: OutputLogLimits = {
  blockBytes: 64 * 1024,
  firstBytes: 128 * 1024 ** 2,
  lastBytes: 4 * 1024 ** 2,
};

const NEWLINE = 10;

export class OutputLog {
  readonly #createFile: () => PendingFile;
  readonly #limits: OutputLogLimits;
  #block = Buffer.alloc(0);
  #filled = 0;
  /** Bytes of the beginning, in the file or in `block`. */
  #firstBytes = 0;
  #file: PendingFile | undefined;
  #last: LastBytes | undefined;

  constructor(createFile: () => PendingFile, limits: OutputLogLimits = OUTPUT_LOG_LIMITS) {
    this.#createFile = createFile;
    this.#limits = limits;
  }

  /** Takes `chunk`, which may be changed afterwards. @throws STORE_UNUSABLE, STORE_FULL; nothing is left then */
  write(chunk: Uint8Array): void {
    const first = chunk.subarray(0, this.#limits.firstBytes - this.#firstBytes);
    this.#firstBytes += first.length;
    this.#collect(first);
    if (first.length === chunk.length) return;
    this.#last ??= new LastBytes(this.#limits.lastBytes);
    this.#last.push(chunk.subarray(first.length));
  }

  /** All of it, to be committed or discarded; `undefined` when nothing was printed. @throws STORE_UNUSABLE, STORE_FULL */
  finish(): PendingFile | undefined {
    if (this.#firstBytes === 0) return undefined;
    if (this.#last !== undefined) {
      const { bytes, leftOutBytes } = this.#last.end();
      if (leftOutBytes > 0) this.#collect(Buffer.from(noteOf(leftOutBytes, this.#limits)));
      this.#collect(bytes);
    }
    this.#writeOut(this.#block.subarray(0, this.#filled));
    return this.#file;
  }

  #collect(chunk: Uint8Array): void {
    const { blockBytes } = this.#limits;
    if (this.#filled + chunk.length > blockBytes) {
      this.#writeOut(this.#block.subarray(0, this.#filled));
      this.#filled = 0;
    }
    if (chunk.length >= blockBytes) {
      this.#writeOut(chunk);
      return;
    }
    if (this.#block.length === 0) this.#block = Buffer.allocUnsafe(blockBytes);
    this.#block.set(chunk, this.#filled);
    this.#filled += chunk.length;
  }

  #writeOut(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#file ??= this.#createFile();
    this.#file.write(bytes);
  }
}

function noteOf(leftOutBytes: number, { firstBytes, lastBytes }: OutputLogLimits): string {
  return `\n[${leftOutBytes} bytes left out here: a log keeps its first ${firstBytes} bytes and its last ${lastBytes}]\n`;
}

/** The last bytes of a stream, at most as many as it was made for. */
class LastBytes {
  readonly #ring: Buffer;
  /** Of all that came. */
  #bytes = 0;

  constructor(size: number) {
    this.#ring = Buffer.allocUnsafe(size);
  }

  push(chunk: Uint8Array): void {
    const size = this.#ring.length;
    const kept = chunk.subarray(Math.max(0, chunk.length - size));
    const at = (this.#bytes + chunk.length - kept.length) % size;
    this.#ring.set(kept.subarray(0, size - at), at);
    this.#ring.set(kept.subarray(size - at), 0);
    this.#bytes += chunk.length;
  }

  /** From the beginning of a line on where something is missing before it. */
  end(): { readonly bytes: Buffer; readonly leftOutBytes: number } {
    const size = this.#ring.length;
    if (this.#bytes <= size) return { bytes: this.#ring.subarray(0, this.#bytes), leftOutBytes: 0 };
    const at = this.#bytes % size;
    const bytes = Buffer.concat([this.#ring.subarray(at), this.#ring.subarray(0, at)]);
    const line = bytes.subarray(bytes.indexOf(NEWLINE) + 1);
    return { bytes: line, leftOutBytes: this.#bytes - line.length };
  }
}
