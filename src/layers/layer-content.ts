/** A file in a layer's tar. */
import type { DiffId } from "../oci/digest.js";
import type { ContentReader } from "../tree/file-tree.js";
import type { FileContent } from "./fs/fs-node.js";
import type { IndexedEntry } from "./layer-index.js";

/** Where the tars are. */
export interface LayerTars {
  /** Reads from the tar at `position`; 0 at its end. @throws BLOB_NOT_FOUND, STORE_UNUSABLE */
  readTar(diffId: DiffId, target: Buffer, offset: number, length: number, position: number): number;
  /** Moves a tar away that is not what it was; returns the error to throw. */
  damagedTar(diffId: DiffId): Error;
}

export class LayerContent implements FileContent {
  readonly layers: LayerTars;
  readonly diffId: DiffId;
  readonly #entry: IndexedEntry;

  constructor(layers: LayerTars, diffId: DiffId, entry: IndexedEntry) {
    this.layers = layers;
    this.diffId = diffId;
    this.#entry = entry;
  }

  open(): ContentReader {
    const { layers, diffId } = this;
    let position = this.#entry.dataOffset;
    let left = this.#entry.size;
    return {
      read(target, offset, length) {
        if (left === 0) return 0;
        const count = layers.readTar(diffId, target, offset, Math.min(length, left), position);
        if (count === 0) throw layers.damagedTar(diffId);
        position += count;
        left -= count;
        return count;
      },
      close() {},
    };
  }

  knownDigest(): Buffer | undefined {
    return this.#entry.contentDigest;
  }

  rememberDigest(sha256: Buffer): void {
    const known = this.#entry.contentDigest;
    if (known !== undefined && !known.equals(sha256)) throw this.layers.damagedTar(this.diffId);
  }
}
