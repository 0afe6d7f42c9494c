/**
 * Layers of one build by diffID: their indexes, the file systems they add up to, and their bytes. What is missing in the
 * store is made from what there is: an index from the tar, the tar from a compressed blob, the blob from its registry.
 */
import { closeSync, openSync, readSync } from "node:fs";
import type { Store } from "../cache/store.js";
import { decompress } from "../compression/decompress.js";
import { OcibuildError } from "../errors.js";
import type { Abortable, BlobReader } from "../oci/blobs.js";
import { chainIdOf, type DiffId } from "../oci/digest.js";
import type { Descriptor, Layer } from "../oci/types.js";
import type { ContentReader } from "../tree/file-tree.js";
import { applyLayer } from "./apply-layer.js";
import type { FileContent } from "./fs-node.js";
import { emptyTree, type FsTree } from "./fs-tree.js";
import { decodeLayerIndex, encodeLayerIndex, type IndexedEntry, indexTar } from "./layer-index.js";

/** Where a layer that an image brought can be had. */
interface Origin {
  readonly descriptor: Descriptor;
  readonly blobs: BlobReader;
}

export class LayerStore implements Disposable {
  readonly #store: Store;
  readonly #origins = new Map<DiffId, Origin>();
  readonly #indexes = new Map<DiffId, Promise<readonly IndexedEntry[]>>();
  readonly #trees = new Map<string, Promise<FsTree>>();
  readonly #tars = new Map<DiffId, Promise<void>>();
  readonly #files = new Map<DiffId, number>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** Makes the layers of an image known; nothing is read yet. */
  register(layers: readonly Layer[], blobs: BlobReader): void {
    for (const { diffId, descriptor } of layers) this.#origins.set(diffId, { descriptor, blobs });
  }

  /** Takes the index of a layer that was just written. */
  addIndex(diffId: DiffId, entries: readonly IndexedEntry[]): void {
    this.#indexes.set(diffId, Promise.resolve(entries));
    this.#store.layers.writeIndex(diffId, encodeLayerIndex(entries));
  }

  /** Whether the bytes of the layer can be had from the store or from where it came. */
  isAvailable(diffId: DiffId): boolean {
    return (
      this.#origins.has(diffId) ||
      this.#store.layers.hasTar(diffId) ||
      this.#store.layers.compressedForms(diffId).length > 0
    );
  }

  /** The file system of `diffIds`, base layer first. @throws what reading layers throws */
  tree(diffIds: readonly DiffId[], options: Abortable): Promise<FsTree> {
    const key = chainIdOf(diffIds) ?? "scratch";
    let tree = this.#trees.get(key);
    if (tree === undefined) {
      tree = this.#makeTree(diffIds, options);
      this.#trees.set(key, tree);
    }
    return tree;
  }

  async #makeTree(diffIds: readonly DiffId[], options: Abortable): Promise<FsTree> {
    const diffId = diffIds.at(-1);
    if (diffId === undefined) return emptyTree("the image");
    const base = await this.tree(diffIds.slice(0, -1), options);
    const entries = await this.#index(diffId, options);
    return applyLayer(base, entries, (entry) => new LayerContent(this, diffId, entry));
  }

  /** Brings the tars that the contents lie in to local disk, so that `open` can read them. */
  async prepareContents(contents: Iterable<FileContent | undefined>, options: Abortable): Promise<void> {
    const needed = new Set<DiffId>();
    for (const content of contents) {
      if (content instanceof LayerContent && content.layers === this) needed.add(content.diffId);
    }
    for (const diffId of needed) await this.ensureTar(diffId, options);
  }

  /** Makes sure that the uncompressed tar of the layer is in the store. */
  ensureTar(diffId: DiffId, options: Abortable): Promise<void> {
    let made = this.#tars.get(diffId);
    if (made === undefined) {
      made = this.#makeTar(diffId, options);
      this.#tars.set(diffId, made);
    }
    return made;
  }

  async #makeTar(diffId: DiffId, options: Abortable): Promise<void> {
    if ((await this.#store.layers.verifiedTar(diffId, options)) !== undefined) return;
    const file = this.#store.layers.createTar();
    try {
      const indexed = await indexTar(
        tee(this.#tarChunks(diffId, options), (chunk) => file.write(chunk)),
        options,
      );
      assertDiffId(diffId, indexed.diffId);
      // An index from when the layer was written knows the digests of its files as well.
      if (this.#store.layers.readIndex(diffId) === undefined) this.addIndex(diffId, indexed.entries);
      await this.#store.layers.publishTar(file, diffId);
    } finally {
      file.discard();
    }
  }

  #index(diffId: DiffId, options: Abortable): Promise<readonly IndexedEntry[]> {
    let index = this.#indexes.get(diffId);
    if (index === undefined) {
      index = this.#makeIndex(diffId, options);
      this.#indexes.set(diffId, index);
    }
    return index;
  }

  async #makeIndex(diffId: DiffId, options: Abortable): Promise<readonly IndexedEntry[]> {
    const stored = this.#store.layers.readIndex(diffId);
    const decoded = stored === undefined ? undefined : decodeLayerIndex(stored);
    if (decoded !== undefined) return decoded;
    const indexed = await indexTar(this.#tarChunks(diffId, options), options);
    assertDiffId(diffId, indexed.diffId);
    this.#store.layers.writeIndex(diffId, encodeLayerIndex(indexed.entries));
    return indexed.entries;
  }

  /** The layer's uncompressed tar, from wherever it is nearest. */
  #tarChunks(diffId: DiffId, options: Abortable): AsyncIterable<Buffer> {
    if (this.#store.layers.hasTar(diffId)) return this.#store.layers.readTar(diffId, options);
    const origin = this.#origins.get(diffId);
    const form = this.#store.layers.compressedForms(diffId)[0];
    if (form !== undefined) return this.#blobChunks({ descriptor: form.descriptor, blobs: this.#store.blobs }, options);
    if (origin !== undefined) return this.#blobChunks(origin, options);
    throw new OcibuildError("BLOB_NOT_FOUND", `layer "${diffId}" is not in the store`, { details: { digest: diffId } });
  }

  #blobChunks({ descriptor, blobs }: Origin, options: Abortable): AsyncIterable<Buffer> {
    return decompress(blobs.open(descriptor, options), descriptor.mediaType);
  }

  /** Reads from the layer's tar, which `ensureTar` has made sure of. */
  readTar(diffId: DiffId, target: Buffer, offset: number, length: number, position: number): number {
    let file = this.#files.get(diffId);
    if (file === undefined) {
      file = openSync(this.#store.layers.tarPath(diffId), "r");
      this.#files.set(diffId, file);
    }
    return readSync(file, target, offset, length, position);
  }

  [Symbol.dispose](): void {
    for (const file of this.#files.values()) closeSync(file);
    this.#files.clear();
  }
}

/** A file in a layer's tar. */
class LayerContent implements FileContent {
  readonly layers: LayerStore;
  readonly diffId: DiffId;
  readonly #entry: IndexedEntry;

  constructor(layers: LayerStore, diffId: DiffId, entry: IndexedEntry) {
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
        const count = left === 0 ? 0 : layers.readTar(diffId, target, offset, Math.min(length, left), position);
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

  rememberDigest(): void {}
}

function assertDiffId(expected: DiffId, actual: DiffId): void {
  if (expected === actual) return;
  throw new OcibuildError(
    "LAYER_DIFF_ID_MISMATCH",
    `layer expected diffID "${expected}" as its image config says but got "${actual}"`,
    {
      details: { expected, actual },
      hint: "the image is damaged or was made by a broken tool: pull or build it again",
    },
  );
}

/** Passes `chunks` on and shows each to `look` first. */
async function* tee(chunks: AsyncIterable<Buffer>, look: (chunk: Buffer) => void): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    look(chunk);
    yield chunk;
  }
}
