/**
 * Cache mounts and the shared caches of one build: what fills those that are new here, and which are to be exported.
 *
 * The content of a cache mount is an entry of its own, with one layer, that goes by the mount's id and what it began with.
 */
import { createHash } from "node:crypto";
import { FetchingReader, type FetchSource } from "../cache/fetching-reader.js";
import { type CacheKey, type StepKeyParts, shapeKey, stepKey } from "../cache/key.js";
import type { Store } from "../cache/store.js";
import { systemCode } from "../cache/store-error.js";
import { transferWatcher } from "../cache/transfer-events.js";
import { decompress } from "../compression/decompress.js";
import { isOcibuildError, OcibuildError } from "../errors.js";
import type { OnEvent } from "../events.js";
import type { CacheMount, Executor, ExecutorCaches } from "../executor/contract.js";
import type { Abortable } from "../oci/blobs.js";
import { type DiffId, type Digest, digestFromHash, digestOf } from "../oci/digest.js";
import type { CacheEntry, EntryLayer } from "./entry.js";

/** An entry that a cache has for a mount. */
export interface FoundMount {
  readonly entry: CacheEntry;
  readonly layers: FetchSource;
  /** Of the cache. */
  readonly name: string;
  readonly limitBytes: number;
}

export interface SharedMountsOptions {
  readonly store: Store;
  readonly imports: readonly { readonly mountsLimitBytes?: number | undefined }[];
  /** Whether content of cache mounts is exported. */
  readonly exportsMounts: boolean;
  readonly onEvent: OnEvent;
  readonly nowMs: () => number;
  readonly underWay: Map<Digest, Promise<void>>;
  readonly find: (key: CacheKey, options: Abortable) => AsyncGenerator<FoundMount>;
}

export interface UsedMount {
  readonly parts: StepKeyParts;
  readonly mount: CacheMount;
}

/** What the content of a cache mount is found by. */
function mountParts({ id }: CacheMount, seed: string | undefined): StepKeyParts {
  const projection = shapeKey({ kind: "cache", platform: "", projection: { id } });
  return { kind: "cache", platform: "", projection, parent: null, inputs: seed === undefined ? [] : [digestOf(seed)] };
}

export class SharedMounts {
  readonly #options: SharedMountsOptions;
  readonly #used = new Map<CacheKey, UsedMount>();
  readonly #filled = new Map<CacheKey, Promise<void>>();
  #isOutOfReach = false;

  constructor(options: SharedMountsOptions) {
    this.#options = options;
  }

  /** Whether there is anything to be told. */
  get areWanted(): boolean {
    return this.#options.exportsMounts || this.#areImported;
  }

  get #areImported(): boolean {
    return this.#options.imports.some(({ mountsLimitBytes }) => mountsLimitBytes !== undefined);
  }

  /** Those that commands of this build have written to. */
  get used(): ReadonlyMap<CacheKey, UsedMount> {
    return this.#used;
  }

  begin(): void {
    this.#used.clear();
    this.#filled.clear();
  }

  /**
   * Tells that a command is about to get `mount`. The cache that it means is filled when it is new here, once in a build; what
   * cannot be used is a warning.
   * @param seed a digest over the files that a new one begins with; `undefined` for none
   * @throws only the signal's reason, and errors of the program
   */
  async use(mount: CacheMount, seed: string | undefined, executor: Executor, signal: AbortSignal): Promise<void> {
    const parts = mountParts(mount, seed);
    const key = stepKey(parts);
    if (!mount.readOnly) this.#used.set(key, { parts, mount });
    if (!this.#areImported) return;
    if (executor.caches !== undefined) return this.#fillOnce(key, mount, executor.caches, signal);
    if (this.#isOutOfReach) return;
    this.#isOutOfReach = true;
    const message = `no cache mount is filled from a cache: ${outOfReach(executor)}`;
    this.#options.onEvent({ type: "warning", message });
  }

  #fillOnce(key: CacheKey, mount: CacheMount, caches: ExecutorCaches, signal: AbortSignal): Promise<void> {
    let filled = this.#filled.get(key);
    if (filled === undefined) {
      filled = this.#fill(key, mount, caches, signal);
      this.#filled.set(key, filled);
    }
    return filled;
  }

  async #fill(key: CacheKey, mount: CacheMount, caches: ExecutorCaches, signal: AbortSignal): Promise<void> {
    const candidates = this.#options.find(key, { signal });
    for (;;) {
      let found: FoundMount | undefined;
      const open = async (): Promise<AsyncIterable<Buffer> | undefined> => {
        found = (await candidates.next()).value ?? undefined;
        return found && this.#open(found, mount, signal);
      };
      try {
        await caches.fill(mount, open, { signal });
        return;
      } catch (error) {
        signal.throwIfAborted();
        if (!isOcibuildError(error) && systemCode(error) === undefined) throw error;
        const cache = found === undefined ? "" : ` from cache ${found.name}`;
        const message = `cache mount "${mount.id}" was not filled${cache}: ${(error as Error).message}`;
        this.#options.onEvent({ type: "warning", message });
        if (found === undefined) return;
      }
    }
  }

  /** The tar of an entry, which fails before its end when it is not what the entry says. */
  async *#open(
    { entry, layers, name, limitBytes }: FoundMount,
    mount: CacheMount,
    signal: AbortSignal,
  ): AsyncGenerator<Buffer, void, undefined> {
    const { store } = this.#options;
    const { diffId, layer } = contentOf(entry);
    const { descriptor, spec } = layer;
    if (descriptor.size > limitBytes) {
      const message = `its content is larger than the ${limitBytes} bytes that mounts-limit= allows`;
      throw new OcibuildError("LIMIT_EXCEEDED", message, { details: { limit: "mounts-limit", value: limitBytes } });
    }
    const watcher = transferWatcher(this.#options, "pull", ` of ${name}, for cache mount "${mount.id}"`);
    const blobs = new FetchingReader(store.blobs, layers, this.#options.underWay, watcher);
    const hash = createHash("sha256");
    const chunks = decompress(blobs.open(descriptor, { signal }), descriptor.mediaType, { limitBytes, signal });
    for await (const chunk of chunks) {
      hash.update(chunk);
      yield chunk;
    }
    const actual = digestFromHash<DiffId>(hash.digest());
    if (actual !== diffId) {
      throw new OcibuildError("LAYER_DIFF_ID_MISMATCH", `its content expected diffID "${diffId}" but got "${actual}"`, {
        details: { expected: diffId, actual },
      });
    }
    // An export of what has not changed need not compress it again.
    store.layers.rememberCompressed(diffId, spec, descriptor);
  }
}

/** Why the caches of an executor without `caches` do not travel. */
export function outOfReach({ name }: Executor): string {
  return `those of the executor "${name}" stay where it keeps them`;
}

/** @throws DOCUMENT_INVALID */
function contentOf({ result, layers }: CacheEntry): { readonly diffId: DiffId; readonly layer: EntryLayer } {
  const [layer] = layers;
  if ("stack" in result && result.stack.length === 1 && layer !== undefined) {
    return { diffId: result.stack[0]!.diffId, layer };
  }
  const document = "entry of a cache mount";
  throw new OcibuildError("DOCUMENT_INVALID", `${document} is not valid: it has not one layer`, {
    details: { document },
  });
}
