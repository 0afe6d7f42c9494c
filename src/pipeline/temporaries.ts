/** Temporary files that live as long as a build. */
import type { PendingFile } from "../cache/pending-file.js";
import type { Store } from "../cache/store.js";

export class Temporaries implements AsyncDisposable {
  readonly #store: Store;
  readonly #files: PendingFile[] = [];

  constructor(store: Store) {
    this.#store = store;
  }

  /** A file that is removed with all others at the end. @throws STORE_UNUSABLE */
  create(): PendingFile {
    const file = this.#store.createFile();
    this.#files.push(file);
    return file;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const file of this.#files) file.discard();
  }
}
