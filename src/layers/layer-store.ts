/**
 * Layers of one build by diffID: their indexes, the file systems they add up to, and their bytes. What is missing in the
 * store is made from what there is: an index from the tar, the tar from a compressed blob, the blob from its registry.
 * What turns out damaged counts as missing, wherever that shows (S3, K5).
 */
import { closeSync, openSync, readSync } from "node:fs";
import type { Store } from "../cache/store.js";
import { storeError, systemCode } from "../cache/store-error.js";
import type { ReadOptions } from "../cache/verified-file.js";
import { decompress } from "../compression/decompress.js";
import { type ErrorCode, isOcibuildError, OcibuildError } from "../errors.js";
import type { Abortable, BlobReader } from "../oci/blobs.js";
import { chainIdOf, type DiffId } from "../oci/digest.js";
import type { Descriptor, Layer } from "../oci/types.js";
import { applyLayer } from "./fs/apply-layer.js";
import type { FileContent } from "./fs/fs-node.js";
import { emptyTree, type FsTree } from "./fs/fs-tree.js";
import { LayerContent, type LayerTars } from "./layer-content.js";
import { decodeLayerIndex, encodeLayerIndex, type IndexedEntry, indexTar } from "./layer-index.js";

/** A blob that is a layer, and where it can be had. */
interface LayerBlob {
  readonly descriptor: Descriptor;
  readonly blobs: BlobReader;
}

/** A layer that a shared cache says it has. */
interface ImportedBlob extends LayerBlob {
  /** How its blob was compressed, as it says. */
  readonly spec: string | undefined;
  /** Told when the blob turns out not to be the layer; counts as a loss. */
  readonly reject: (reason: unknown) => void;
}

/** One place that a layer's tar can be read from. */
interface LayerSource {
  chunks(): AsyncIterable<Buffer>;
  /** Reads all of it as it is stored. @throws BLOB_… when it is damaged, which is then gone */
  verify(): Promise<void>;
  /** Where it is not damage of ours when it is not the layer. */
  readonly reject?: (reason: unknown) => void;
}

export class LayerStore implements Disposable, LayerTars {
  readonly #store: Store;
  readonly #origins = new Map<DiffId, LayerBlob>();
  readonly #imported = new Map<DiffId, ImportedBlob>();
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

  /** Makes a layer known that a shared cache has; nothing is read yet, and what is read is checked. */
  registerImported(diffId: DiffId, layer: ImportedBlob): void {
    if (layer.spec !== undefined || !this.#imported.has(diffId)) this.#imported.set(diffId, layer);
  }

  /**
   * The blob of a layer that a shared cache has in the form `spec`, brought to the store and checked to be the layer;
   * `undefined` when it has none. @throws BLOB_NOT_FOUND when it is not what it should be
   */
  async importedForm(diffId: DiffId, spec: string, options: Abortable): Promise<Descriptor | undefined> {
    const imported = this.#imported.get(diffId);
    if (imported === undefined || imported.spec !== spec) return undefined;
    const { descriptor, blobs, reject } = imported;
    try {
      const chunks = decompress(blobs.open(descriptor, options), descriptor.mediaType);
      const indexed = await indexTar(chunks, { ...options, contentDigests: true });
      assertDiffId(diffId, indexed.diffId);
      this.addIndex(diffId, encodeLayerIndex(indexed.entries));
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!isBrokenArchive(error)) throw error;
      reject(error);
      throw this.#missing(diffId);
    }
    this.#store.layers.rememberCompressed(diffId, spec, descriptor);
    return descriptor;
  }

  /** Keeps the index of a layer that was just written; it is decoded when somebody looks into the layer. */
  addIndex(diffId: DiffId, index: Buffer): void {
    this.#store.layers.writeIndex(diffId, index);
  }

  /** Whether the bytes of the layer can be had from the store or from where it came. */
  isAvailable(diffId: DiffId): boolean {
    return (
      this.#origins.has(diffId) ||
      this.#imported.has(diffId) ||
      this.#store.layers.hasTar(diffId) ||
      this.#store.layers.compressedForms(diffId).length > 0
    );
  }

  /** The file system of `diffIds`, base layer first. @throws what reading layers throws */
  tree(diffIds: readonly DiffId[], options: Abortable): Promise<FsTree> {
    return once(this.#trees, chainIdOf(diffIds) ?? "scratch", () => this.#makeTree(diffIds, options));
  }

  async #makeTree(diffIds: readonly DiffId[], options: Abortable): Promise<FsTree> {
    const diffId = diffIds.at(-1);
    if (diffId === undefined) return emptyTree("the image");
    const base = await this.tree(diffIds.slice(0, -1), options);
    const entries = await this.#index(diffId, options);
    return applyLayer(base, entries, (entry) => new LayerContent(this, diffId, entry));
  }

  /** How many entries the layer has: none for one that changes nothing. @throws what reading layers throws */
  async entryCount(diffId: DiffId, options: Abortable): Promise<number> {
    return (await this.#index(diffId, options)).length;
  }

  /** Bytes of the files that the layer brings, as they are unpacked. @throws what reading layers throws */
  async filesSize(diffId: DiffId, options: Abortable): Promise<number> {
    const entries = await this.#index(diffId, options);
    return entries.reduce((sum, { type, size }) => sum + (type === "file" ? size : 0), 0);
  }

  /** The uncompressed tar of the layer, verified while it is read. @throws what reading layers throws */
  async *openLayer(diffId: DiffId, options: ReadOptions): AsyncGenerator<Buffer, void, undefined> {
    await this.ensureTar(diffId, options);
    yield* this.#store.layers.readTar(diffId, options);
  }

  /** Brings the tars that the contents lie in to local disk, so that `open` can read them. */
  async prepareContents(contents: Iterable<FileContent | undefined>, options: Abortable): Promise<void> {
    const needed = new Set<DiffId>();
    for (const content of contents) {
      if (content instanceof LayerContent && content.layers === this) needed.add(content.diffId);
    }
    for (const diffId of needed) await this.ensureTar(diffId, options);
  }

  /** Makes sure that the uncompressed tar of the layer is in the store, and that what is read from it can be checked. */
  ensureTar(diffId: DiffId, options: Abortable): Promise<void> {
    return once(this.#tars, diffId, () => this.#makeTar(diffId, options));
  }

  async #makeTar(diffId: DiffId, options: Abortable): Promise<void> {
    const { layers } = this.#store;
    const isThere = (await layers.verifiedTar(diffId, options)) !== undefined;
    if (isThere && (await this.#index(diffId, options)).every(isCheckable)) return;
    await this.#fromSources(diffId, options, async (chunks) => {
      const file = layers.createTar();
      try {
        const all = tee(chunks, (chunk) => file.write(chunk));
        const indexed = await indexTar(all, { ...options, contentDigests: true });
        assertDiffId(diffId, indexed.diffId);
        this.addIndex(diffId, encodeLayerIndex(indexed.entries));
        this.#indexes.set(diffId, Promise.resolve(indexed.entries));
        await layers.publishTar(file, diffId);
      } finally {
        file.discard();
      }
    });
  }

  #index(diffId: DiffId, options: Abortable): Promise<readonly IndexedEntry[]> {
    return once(this.#indexes, diffId, () => this.#makeIndex(diffId, options));
  }

  async #makeIndex(diffId: DiffId, options: Abortable): Promise<readonly IndexedEntry[]> {
    const { layers } = this.#store;
    const stored = layers.readIndex(diffId);
    const decoded = stored === undefined ? undefined : decodeLayerIndex(stored);
    if (decoded !== undefined) return decoded;
    const contentDigests = layers.hasTar(diffId);
    const entries = await this.#fromSources(diffId, options, async (chunks) => {
      const indexed = await indexTar(chunks, { ...options, contentDigests });
      assertDiffId(diffId, indexed.diffId);
      return indexed.entries;
    });
    layers.writeIndex(diffId, encodeLayerIndex(entries));
    return entries;
  }

  /** What `read` makes of the layer's uncompressed tar, from the nearest place that has it undamaged. */
  async #fromSources<T>(
    diffId: DiffId,
    options: Abortable,
    read: (chunks: AsyncIterable<Buffer>) => Promise<T>,
  ): Promise<T> {
    let missed: unknown;
    for (const source of this.#sources(diffId, options)) {
      const { lostCount } = this.#store;
      try {
        return await read(source.chunks());
      } catch (error) {
        options.signal?.throwIfAborted();
        // Damage mostly shows as a broken archive, long before a digest is complete.
        if (isBrokenArchive(error)) await source.verify().catch(() => undefined);
        if (isBrokenArchive(error)) source.reject?.(error);
        options.signal?.throwIfAborted();
        if (this.#store.lostCount === lostCount && !isOcibuildError(error, "BLOB_NOT_FOUND")) throw error;
        missed = source.reject === undefined ? error : this.#missing(diffId);
      }
    }
    if (missed !== undefined) throw missed;
    // It was there when it was decided to rely on it, and somebody has removed it.
    this.#store.reportLost(undefined);
    throw this.#missing(diffId);
  }

  *#sources(diffId: DiffId, options: Abortable): Generator<LayerSource> {
    const { blobs, layers } = this.#store;
    if (layers.hasTar(diffId)) {
      yield {
        chunks: () => layers.readTar(diffId, options),
        verify: () => drain(layers.readTar(diffId, options)),
      };
    }
    for (const { descriptor } of layers.compressedForms(diffId)) {
      yield this.#blobSource({ descriptor, blobs }, options);
    }
    const origin = this.#origins.get(diffId);
    if (origin !== undefined) {
      const { lostCount } = this.#store;
      yield this.#blobSource(origin, options);
      // The copy in the store was damaged, and is gone: this time it is fetched.
      if (this.#store.lostCount !== lostCount) yield this.#blobSource(origin, options);
    }
    const imported = this.#imported.get(diffId);
    if (imported !== undefined) yield { ...this.#blobSource(imported, options), reject: imported.reject };
  }

  #blobSource({ descriptor, blobs }: LayerBlob, options: Abortable): LayerSource {
    const { blobs: stored } = this.#store;
    return {
      chunks: () => decompress(blobs.open(descriptor, options), descriptor.mediaType),
      verify: () => (stored.isPresent(descriptor) ? drain(stored.open(descriptor, options)) : Promise.resolve()),
    };
  }

  readTar(diffId: DiffId, target: Buffer, offset: number, length: number, position: number): number {
    const path = this.#store.layers.tarPath(diffId);
    try {
      let file = this.#files.get(diffId);
      if (file === undefined) {
        file = openSync(path, "r");
        this.#files.set(diffId, file);
      }
      return readSync(file, target, offset, length, position);
    } catch (error) {
      throw systemCode(error) === "ENOENT" ? this.damagedTar(diffId) : storeError(error, "read", path);
    }
  }

  damagedTar(diffId: DiffId): OcibuildError<"BLOB_NOT_FOUND"> {
    this.#close(diffId);
    this.#tars.delete(diffId);
    this.#store.layers.discardDamaged(diffId);
    return this.#missing(diffId);
  }

  #missing(diffId: DiffId): OcibuildError<"BLOB_NOT_FOUND"> {
    return new OcibuildError("BLOB_NOT_FOUND", `layer "${diffId}" is not in the store, or is damaged there`, {
      details: { digest: diffId },
      hint: "build again: what made the layer is then done anew",
    });
  }

  #close(diffId: DiffId): void {
    const file = this.#files.get(diffId);
    this.#files.delete(diffId);
    if (file !== undefined) closeSync(file);
  }

  [Symbol.dispose](): void {
    for (const diffId of [...this.#files.keys()]) this.#close(diffId);
  }
}

/** What `make` gives for `key`, made once; after a failure it is made again when it is next asked for. */
function once<K, V>(made: Map<K, Promise<V>>, key: K, make: () => Promise<V>): Promise<V> {
  let value = made.get(key);
  if (value === undefined) {
    value = make();
    made.set(key, value);
    value.catch(() => {
      if (made.get(key) === value) made.delete(key);
    });
  }
  return value;
}

/** Whether the content of the entry can be checked when it is read by itself. */
function isCheckable({ type, size, contentDigest }: IndexedEntry): boolean {
  return type !== "file" || size === 0 || contentDigest !== undefined;
}

const BROKEN_ARCHIVE: ReadonlySet<ErrorCode> = new Set([
  "COMPRESSION_INVALID",
  "LAYER_DIFF_ID_MISMATCH",
  "TAR_INVALID",
  "TAR_LIMIT",
  "TAR_UNSUPPORTED",
]);

function isBrokenArchive(error: unknown): boolean {
  return isOcibuildError(error) && BROKEN_ARCHIVE.has(error.code);
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

async function drain(chunks: AsyncIterable<Buffer>): Promise<void> {
  for await (const chunk of chunks) void chunk;
}

/** Passes `chunks` on and shows each to `look` first. */
async function* tee(chunks: AsyncIterable<Buffer>, look: (chunk: Buffer) => void): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    look(chunk);
    yield chunk;
  }
}
