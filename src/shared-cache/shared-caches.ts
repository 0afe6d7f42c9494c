/**
 * The shared caches of one build: asked, in the order given, for what the store does not know, and told what the build used.
 *
 * What they say answers this build only and is never written among the store's own records (K10): a record of the store is
 * always something that this machine has made or seen itself. A cache that cannot be read, or whose layers are not what
 * they should be, costs time and a warning, never the build.
 */
import { FetchingReader, type FetchSource } from "../cache/fetching-reader.js";
import { type CacheKey, type ShapeKey, type StepKeyParts, stepKey } from "../cache/key.js";
import type { Store } from "../cache/store.js";
import { transferWatcher } from "../cache/transfer-events.js";
import { isOcibuildError, OcibuildError } from "../errors.js";
import type { OnEvent, TaskInfo } from "../events.js";
import type { Abortable, BlobReader } from "../oci/blobs.js";
import type { DiffId, Digest } from "../oci/digest.js";
import type { Descriptor } from "../oci/types.js";
import type { CacheReader } from "./backend.js";
import type { CacheEntry, EntryLayer, EntryResult } from "./entry.js";
import { fileListParts, type KnownFiles, readFileList } from "./file-lists.js";
import { type FoundMount, SharedMounts } from "./shared-mounts.js";

/** A cache to read from. */
export interface CacheImport {
  /** As progress shows it: `registry "r.example/app:cache"`. */
  readonly name: string;
  /** Most bytes that it may fill a cache mount with; none unless given. */
  readonly mountsLimitBytes?: number | undefined;
  open(options: Abortable): Promise<CacheReader>;
}

/** Where the layer of an imported record can be had. */
export interface ImportedLayer {
  readonly descriptor: Descriptor;
  /** How its blob says that it was compressed; `undefined` when there is no blob anywhere. */
  readonly spec: string | undefined;
  /** Brings the blob to the store, where its digest is checked. */
  readonly blobs: BlobReader;
  /** To be told when the blob is not the layer. */
  readonly reject: (reason: unknown) => void;
}

export interface ImportedStep {
  readonly result: EntryResult;
  /** One for each layer of its stack. */
  readonly layers: readonly ImportedLayer[];
}

/** A step of this build, however it came about. */
export interface UsedStep extends Pick<CacheEntry, "parts" | "result"> {
  readonly key: CacheKey;
  /** Whether this build made it, or what it stands on: then it replaces what a cache has. */
  readonly isMade: boolean;
  /** Of the store's own record, of steps that make layers. */
  readonly record: { readonly shape: ShapeKey; readonly key: CacheKey } | undefined;
}

export interface SharedCachesOptions {
  readonly store: Store;
  readonly imports: readonly CacheImport[];
  /** Whether content of cache mounts is exported. */
  readonly exportsMounts?: boolean;
  readonly onEvent: OnEvent;
  readonly nowMs: () => number;
}

/** A cache with more wrong layers is not asked any more. */
const MAX_WRONG = 3;

interface Source {
  readonly at: CacheImport;
  reader: Promise<CacheReader | undefined> | undefined;
  readonly found: Map<CacheKey, Promise<CacheEntry | undefined>>;
  readonly wrong: Set<DiffId>;
  isOff: boolean;
}

export class SharedCaches {
  readonly #options: SharedCachesOptions;
  readonly #sources: readonly Source[];
  readonly #underWay = new Map<Digest, Promise<void>>();
  readonly #used = new Map<CacheKey, UsedStep>();
  /** Whether an incomplete entry counts: until somebody wants a layer that is nowhere. */
  #recordsCount = true;
  #hasAnswered = false;
  /** Cache mounts of commands that this build has run. */
  readonly mounts: SharedMounts;

  constructor(options: SharedCachesOptions) {
    this.#options = options;
    this.#sources = options.imports.map((at) => ({
      at,
      reader: undefined,
      found: new Map(),
      wrong: new Set(),
      isOff: false,
    }));
    this.mounts = new SharedMounts({
      ...options,
      exportsMounts: options.exportsMounts ?? false,
      underWay: this.#underWay,
      find: (key, opts) => this.#findMounts(key, opts),
    });
  }

  /** Whether there is any cache to ask. */
  get hasImports(): boolean {
    return this.#sources.length > 0;
  }

  /** Whether a cache has had anything of this build. */
  get hasAnswered(): boolean {
    return this.#hasAnswered;
  }

  /** Steps told of so far, those of the last attempt. */
  get used(): ReadonlyMap<CacheKey, UsedStep> {
    return this.#used;
  }

  /** Begins an attempt to build. */
  begin(): void {
    this.#used.clear();
    this.mounts.begin();
  }

  /** Tells that the build used a step. */
  use(parts: StepKeyParts, result: EntryResult, isMade: boolean, record?: UsedStep["record"]): void {
    const key = stepKey(parts);
    this.#used.set(key, { key, parts, result, isMade, record });
  }

  /**
   * What the caches know of a recipe: the first that has all its layers; else an incomplete one, as long as no layer that
   * was left out was wanted.
   * @throws only the signal's reason
   */
  async find(parts: StepKeyParts, options: Abortable): Promise<ImportedStep | undefined> {
    if (!this.hasImports) return undefined;
    const key = stepKey(parts);
    let incomplete: ImportedStep | undefined;
    for (const source of this.#sources) {
      const entry = await this.#findIn(source, key, options);
      if (entry === undefined) continue;
      const { result } = entry;
      if (!("stack" in result)) return { result, layers: [] };
      const known = result.stack.map(({ diffId }, at) => (source.wrong.has(diffId) ? undefined : entry.layers[at]));
      const layers = result.stack.map(({ diffId }, at) => {
        const layer = known[at];
        return layer === undefined ? this.#layerNowhere(diffId) : this.#layerOf(source, diffId, layer);
      });
      if (!known.includes(undefined)) return { result, layers };
      incomplete ??= { result, layers };
    }
    return this.#recordsCount ? incomplete : undefined;
  }

  /** Which files the newest step of a shape read, for explaining a miss. @throws only the signal's reason */
  async findFiles(shape: ShapeKey, options: Abortable): Promise<KnownFiles | undefined> {
    const key = stepKey(fileListParts(shape));
    for (const source of this.#sources) {
      const entry = await this.#findIn(source, key, options);
      const reader = await source.reader;
      if (entry === undefined || reader === undefined) continue;
      try {
        const known = await readFileList(entry, reader.layers, options);
        if (known !== undefined) return known;
      } catch (error) {
        options.signal?.throwIfAborted();
        // An explanation is not worth a warning: then the step is not explained by this cache.
        if (!isOcibuildError(error)) throw error;
      }
    }
    return undefined;
  }

  /** What the caches have that may fill cache mounts. */
  async *#findMounts(key: CacheKey, options: Abortable): AsyncGenerator<FoundMount> {
    for (const source of this.#sources) {
      const { mountsLimitBytes: limitBytes, name } = source.at;
      const entry = limitBytes === undefined ? undefined : await this.#findIn(source, key, options);
      const reader = await source.reader;
      if (limitBytes !== undefined && entry !== undefined && reader !== undefined) {
        yield { entry, layers: reader.layers, name, limitBytes };
      }
    }
  }

  async #findIn(source: Source, key: CacheKey, options: Abortable): Promise<CacheEntry | undefined> {
    if (source.isOff) return undefined;
    source.reader ??= this.#open(source, options);
    const reader = await source.reader;
    if (reader === undefined) return undefined;
    let found = source.found.get(key);
    if (found === undefined) {
      found = reader.find(key, options).catch((error: unknown) => this.#failed(source, error, options));
      source.found.set(key, found);
    }
    if ((await found) !== undefined) this.#hasAnswered = true;
    return found;
  }

  async #open(source: Source, options: Abortable): Promise<CacheReader | undefined> {
    const { onEvent, nowMs } = this.#options;
    const { name } = source.at;
    const task: TaskInfo = { id: `cache ${name}`, kind: "resolve", name: `import cache from ${name}` };
    onEvent({ type: "task-started", task, timeMs: nowMs() });
    try {
      const reader = await source.at.open(options);
      onEvent({ type: "task-finished", id: task.id, outcome: "done", timeMs: nowMs() });
      return reader;
    } catch (error) {
      const outcome = options.signal?.aborted === true ? "cancelled" : "failed";
      onEvent({ type: "task-finished", id: task.id, outcome, timeMs: nowMs() });
      return this.#failed(source, error, options);
    }
  }

  /** Leaves a cache that cannot be read out of the rest of the build; a single bad entry is left out alone. */
  #failed(source: Source, error: unknown, { signal }: Abortable): undefined {
    signal?.throwIfAborted();
    if (!isOcibuildError(error)) throw error;
    const isEntry = error.code === "DOCUMENT_INVALID" || error.code === "BLOB_DIGEST_MISMATCH";
    const goesOn = isEntry && source.reader !== undefined && source.found.size > 0;
    source.isOff = !goesOn;
    const end = goesOn ? "" : "; the build goes on without it";
    this.#options.onEvent({
      type: "warning",
      message: `cache ${source.at.name} cannot be read: ${error.message}${end}`,
    });
    return undefined;
  }

  #layerOf(source: Source, diffId: DiffId, { descriptor, spec }: EntryLayer): ImportedLayer {
    const { store } = this.#options;
    const reject = (reason: unknown): void => {
      if (source.wrong.has(diffId)) return;
      source.wrong.add(diffId);
      if (source.wrong.size >= MAX_WRONG) source.isOff = true;
      const why = reason instanceof Error ? reason.message : String(reason);
      store.reportLost(`layer "${diffId}" of cache ${source.at.name} cannot be used: ${why}`);
    };
    const layers: FetchSource = {
      has: async (blob, options) => (await (await source.reader)?.layers.has(blob, options)) ?? false,
      copyTo: async (target, blob, options) => {
        try {
          await (await source.reader)?.layers.copyTo(target, blob, options);
        } catch (error) {
          options?.signal?.throwIfAborted();
          if (!isOcibuildError(error) || error.code === "STORE_UNUSABLE") throw error;
          reject(error);
          throw gone(diffId, error);
        }
      },
    };
    const watcher = transferWatcher(this.#options, "pull", ` of ${source.at.name}`);
    const blobs = new FetchingReader(store.blobs, layers, this.#underWay, watcher);
    return { descriptor, spec, blobs, reject };
  }

  /** A layer that is not kept anywhere. Whoever reads it ends the time of incomplete entries. */
  #layerNowhere(diffId: DiffId): ImportedLayer {
    const reject = (): void => {
      if (!this.#recordsCount) return;
      this.#recordsCount = false;
      this.#options.store.reportLost(undefined);
    };
    const blobs: BlobReader = {
      has: async () => false,
      // biome-ignore lint/correctness/useYield: it has nothing to give
      async *open() {
        reject();
        throw gone(diffId);
      },
    };
    const mediaType = "application/vnd.oci.image.layer.v1.tar";
    return { descriptor: { mediaType, digest: diffId as string as Digest, size: 0 }, spec: undefined, blobs, reject };
  }
}

function gone(diffId: DiffId, cause?: unknown): OcibuildError<"BLOB_NOT_FOUND"> {
  return new OcibuildError("BLOB_NOT_FOUND", `layer "${diffId}" is in no cache`, {
    details: { digest: diffId },
    ...(cause === undefined ? {} : { cause }),
  });
}
