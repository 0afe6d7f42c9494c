/** Bytes that are written once and then read in parts: in memory while they are few, else in a temporary file. */
import type { PendingFile } from "../../cache/pending-file.js";
import { bufferReader } from "../../context/memory-tree.js";
import type { ContentReader } from "../../tree/file-tree.js";
import { fileReader } from "../copy/fetched-file.js";

const MEMORY_BYTES = 256 * 1024;

export class Spool {
  readonly #createFile: () => PendingFile;
  #held: Buffer[] = [];
  #file: PendingFile | undefined;
  #sizeBytes = 0;

  /** @param createFile is called once at most */
  constructor(createFile: () => PendingFile) {
    this.#createFile = createFile;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** `chunk` may be reused after the call. @throws STORE_UNUSABLE */
  write(chunk: Buffer): void {
    this.#sizeBytes += chunk.length;
    if (this.#file === undefined && this.#sizeBytes <= MEMORY_BYTES) {
      this.#held.push(Buffer.from(chunk));
      return;
    }
    if (this.#file === undefined) {
      this.#file = this.#createFile();
      for (const held of this.#held) this.#file.write(held);
      this.#held = [];
    }
    this.#file.write(chunk);
  }

  /** Nothing is written any more. What it returns opens `length` bytes from `start`. @throws STORE_UNUSABLE */
  seal(): (start: number, length: number) => ContentReader {
    const file = this.#file;
    if (file !== undefined) {
      file.seal();
      return (start, length) => fileReader(file.path, start, length);
    }
    const bytes = Buffer.concat(this.#held);
    return (start, length) => bufferReader(bytes.subarray(start, start + length));
  }

  discard(): void {
    this.#file?.discard();
  }
}
