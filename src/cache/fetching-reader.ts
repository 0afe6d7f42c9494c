/** Blobs of images from elsewhere: brought into the store when they are first read, and read from there. */
import type { Abortable, BlobReader, BlobWriter } from "../oci/blobs.js";
import type { Digest } from "../oci/digest.js";
import type { Descriptor } from "../oci/types.js";
import type { BlobDirectory } from "./blob-directory.js";

/** Told how a transfer goes. */
export interface FetchWatcher {
  started(blob: Descriptor): void;
  /** Bytes so far. */
  progress(blob: Descriptor, bytes: number): void;
  finished(blob: Descriptor, error?: unknown): void;
}

/** Where blobs are fetched from. */
export interface FetchSource {
  has(blob: Descriptor, options?: Abortable): Promise<boolean>;
  /** Writes the blob to `target`; may begin again when the bytes were wrong. */
  copyTo(target: BlobWriter, blob: Descriptor, options?: Abortable): Promise<void>;
}

export class FetchingReader implements BlobReader {
  readonly #store: BlobDirectory;
  readonly #source: FetchSource;
  readonly #watcher: FetchWatcher;
  readonly #underWay: Map<Digest, Promise<void>>;

  /** @param underWay transfers of all readers of this process, so that a blob is fetched once */
  constructor(store: BlobDirectory, source: FetchSource, underWay: Map<Digest, Promise<void>>, watcher: FetchWatcher) {
    this.#store = store;
    this.#source = source;
    this.#underWay = underWay;
    this.#watcher = watcher;
  }

  async has(blob: Descriptor, options: Abortable = {}): Promise<boolean> {
    return (await this.#store.has(blob, options)) || this.#source.has(blob, options);
  }

  async *open(blob: Descriptor, options: Abortable = {}): AsyncGenerator<Buffer, void, undefined> {
    await this.fetch(blob, options);
    yield* this.#store.open(blob, options);
  }

  /** Makes sure that the blob is in the store. @throws what the source throws, STORE_UNUSABLE */
  fetch(blob: Descriptor, options: Abortable = {}): Promise<void> {
    if (this.#store.isPresent(blob)) return Promise.resolve();
    let transfer = this.#underWay.get(blob.digest);
    if (transfer === undefined) {
      transfer = this.#transfer(blob, options).finally(() => this.#underWay.delete(blob.digest));
      this.#underWay.set(blob.digest, transfer);
    }
    return transfer;
  }

  async #transfer(blob: Descriptor, options: Abortable): Promise<void> {
    this.#watcher.started(blob);
    try {
      await this.#source.copyTo(this.#watchedStore(), blob, options);
    } catch (error) {
      this.#watcher.finished(blob, error);
      throw error;
    }
    this.#watcher.finished(blob);
  }

  /** The store, telling how far a blob is. */
  #watchedStore(): BlobWriter {
    const watcher = this.#watcher;
    async function* watched(
      blob: Descriptor,
      chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    ): AsyncGenerator<Uint8Array> {
      let bytes = 0;
      for await (const chunk of chunks) {
        bytes += chunk.length;
        watcher.progress(blob, bytes);
        yield chunk;
      }
    }
    return { write: (blob, chunks, options) => this.#store.write(blob, watched(blob, chunks), options) };
  }
}
