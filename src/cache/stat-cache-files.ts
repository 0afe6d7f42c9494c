/** What a build context's files looked like last time (opaque here), one file for each context. Costs time when lost. */
import { join } from "node:path";
import { isKey } from "./key.js";
import { readSealed, writeSealed } from "./sealed-file.js";
import type { StoreFolders } from "./store-folders.js";

const LIMIT_BYTES = 512 * 1024 * 1024;

export class StatCacheFiles {
  readonly #dir: string;
  readonly #folders: StoreFolders;

  constructor(dir: string, folders: StoreFolders) {
    this.#dir = dir;
    this.#folders = folders;
  }

  /** What was saved for the context `id` (from `contextId`); `undefined` when missing or damaged. */
  load(id: string): Buffer | undefined {
    return isKey(id) ? readSealed(this.#path(id), LIMIT_BYTES) : undefined;
  }

  /** Saves `bytes` for the context `id`, atomically. Never fails: where it cannot be written nothing is saved. */
  save(id: string, bytes: Uint8Array): void {
    if (!isKey(id)) return;
    try {
      writeSealed(this.#folders.tmp, this.#path(id), bytes);
    } catch (error) {
      this.#folders.warn(`"${this.#path(id)}" could not be written: ${error instanceof Error ? error.message : error}`);
    }
  }

  #path(id: string): string {
    return join(this.#dir, id);
  }
}
