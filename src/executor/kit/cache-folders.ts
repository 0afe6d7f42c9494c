/** Cache mounts on disk: a folder for each id and seed, with locks as their sharing says. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import type { CacheContent, CacheMount, CacheReadOptions, ExecutorCaches, RunIO } from "../contract.js";
import { measureContent, readContent, unpackContent } from "./cache-content.js";
import { executorFailed } from "./failures.js";
import { type FileLock, lockFile } from "./file-lock.js";
import type { IdSpace } from "./id-space.js";
import { markUsed } from "./mark-used.js";
import type { ScratchFolders } from "./scratch-folders.js";

/** A cache in use. */
export interface CacheLease {
  readonly folder: string;
  release(): Promise<void>;
}

/** Makes the files of a new cache in the empty folder `folder`, its owner and mode included. */
export type FillCache = (mount: CacheMount, folder: string, io: RunIO) => Promise<void>;

export interface CacheFoldersOptions {
  readonly stateDir: string;
  readonly executor: string;
  readonly space: IdSpace;
  readonly scratch: ScratchFolders;
  readonly fill: FillCache;
}

const MAX_PRIVATE = 1000;
const FILES = "files";

export class CacheFolders implements ExecutorCaches {
  readonly #options: CacheFoldersOptions;

  constructor(options: CacheFoldersOptions) {
    this.#options = options;
  }

  /** The cache of `mount`, made when it is new; waits while others hold it, if its sharing says so. */
  async acquire(mount: CacheMount, io: RunIO): Promise<CacheLease> {
    const { executor } = this.#options;
    const base = this.#base(mount);
    mkdirSync(base, { recursive: true, mode: 0o700 });
    markUsed(base);
    if (mount.sharing !== "private") {
      const exclusive = mount.sharing === "locked";
      const lock = await lockFile(join(base, "lock0"), { executor, exclusive, wait: true, signal: io.signal });
      return this.#lease(mount, join(base, "0"), lock!, io);
    }
    for (let index = 0; index < MAX_PRIVATE; index++) {
      const options = { executor, exclusive: true, wait: false, signal: io.signal };
      const lock = await lockFile(join(base, `lock${index}`), options);
      if (lock !== undefined) return this.#lease(mount, join(base, String(index)), lock, io);
    }
    throw executorFailed(executor, `cache mount "${mount.id}" is in use ${MAX_PRIVATE} times`);
  }

  /** Of a private cache that has been in use several times at once, the first that nobody uses. */
  async read(mount: CacheMount, options: CacheReadOptions): Promise<CacheContent> {
    const { signal, waitMs } = options;
    const base = this.#base(mount);
    let isBusy = false;
    for (let index = 0; index < (mount.sharing === "private" ? MAX_PRIVATE : 1); index++) {
      const lockPath = join(base, `lock${index}`);
      if (!existsSync(lockPath)) break;
      const wait = mount.sharing === "private" ? false : waitMs;
      const lock = await lockFile(lockPath, { executor: this.#options.executor, exclusive: true, wait, signal });
      if (lock === undefined) {
        isBusy = true;
        continue;
      }
      const content = await this.#read(join(base, String(index)), lock, options);
      if (content.state !== "none") return content;
    }
    return { state: isBusy ? "in-use" : "none" };
  }

  /** Reads what `lock` keeps others from; lets go of it. */
  async #read(folder: string, lock: FileLock, { limitBytes, signal }: CacheReadOptions): Promise<CacheContent> {
    const { executor, space } = this.#options;
    const options = { executor, space, signal };
    const files = join(folder, FILES);
    let isRead = false;
    try {
      if (stateOf(folder) !== "filled") return { state: "none" };
      const sizeBytes = await measureContent(files, options);
      if (sizeBytes > limitBytes) return { state: "too-large", sizeBytes };
      isRead = true;
    } finally {
      if (!isRead) await lock.release();
    }
    return {
      state: "there",
      tar: releasing(
        readContent(files, options, () => lock.release()),
        lock,
      ),
    };
  }

  async fill(
    mount: CacheMount,
    open: () => Promise<AsyncIterable<Buffer> | undefined>,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<boolean> {
    const { executor } = this.#options;
    const base = this.#base(mount);
    mkdirSync(base, { recursive: true, mode: 0o700 });
    markUsed(base);
    const isPrivate = mount.sharing === "private";
    for (let index = 0; index < (isPrivate ? MAX_PRIVATE : 1); index++) {
      const folder = join(base, String(index));
      const before = stateOf(folder);
      if (!isPrivate && before === "filled") return false;
      // Who shares a cache that is empty may be about to write to it; where there is none yet it is put in place at once.
      const exclusive = mount.sharing !== "shared" || before === "empty";
      const wait = !isPrivate && !(mount.sharing === "shared" && before === "empty");
      const lock = await lockFile(join(base, `lock${index}`), { executor, exclusive, wait, signal });
      if (lock === undefined) {
        if (isPrivate) continue;
        return false;
      }
      try {
        const state = stateOf(folder);
        if (state === "filled" || (state === "empty" && !exclusive)) return false;
        const tar = await open();
        return tar !== undefined && (await this.#fill(folder, tar, state === "empty", signal));
      } finally {
        await lock.release();
      }
    }
    return false;
  }

  /** With `replaces` the folder is there: nothing is in it, and nobody else has it. */
  #fill(folder: string, tar: AsyncIterable<Buffer>, replaces: boolean, signal: AbortSignal): Promise<boolean> {
    const { executor, space, scratch } = this.#options;
    return this.#publish(folder, async (files) => {
      await unpackContent(tar, files, { executor, space, signal });
      if (replaces) scratch.discard(folder);
    });
  }

  #base(mount: CacheMount): string {
    const { stateDir, space } = this.#options;
    return join(stateDir, "caches", space.key, keyOf(mount));
  }

  async #lease(mount: CacheMount, folder: string, lock: FileLock, io: RunIO): Promise<CacheLease> {
    try {
      if (!existsSync(join(folder, FILES))) await this.#make(mount, folder, io);
    } catch (error) {
      await lock.release();
      throw error;
    }
    return { folder: join(folder, FILES), release: () => lock.release() };
  }

  async #make(mount: CacheMount, folder: string, io: RunIO): Promise<void> {
    await this.#publish(folder, (files) => this.#options.fill(mount, files, io));
  }

  /** Puts what `make` makes in place; false when somebody who shares it was quicker. */
  async #publish(folder: string, make: (files: string) => Promise<void>): Promise<boolean> {
    const { scratch } = this.#options;
    const made = scratch.make();
    try {
      mkdirSync(join(made, FILES), { mode: 0o755 });
      await make(join(made, FILES));
      try {
        // The folder of files belongs to whom the mount says, who alone may move it; the one around it is ours.
        renameSync(made, folder);
        return true;
      } catch (error) {
        if (!existsSync(join(folder, FILES))) throw error;
        return false;
      }
    } finally {
      await scratch.remove(made);
    }
  }
}

/** A folder that we may not look into is somebody's, so something is in it. */
function stateOf(folder: string): "none" | "empty" | "filled" {
  try {
    return readdirSync(join(folder, FILES)).length === 0 ? "empty" : "filled";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? "none" : "filled";
  }
}

/** `chunks`, of which nobody has to read one for `lock` to be released. */
function releasing(chunks: AsyncGenerator<Buffer, void, undefined>, lock: FileLock): AsyncIterable<Buffer> {
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => chunks.next(),
      return: async () => {
        await chunks.return(undefined);
        // A generator that never started has nothing to leave.
        await lock.release();
        return { done: true, value: undefined };
      },
    }),
  };
}

function keyOf({ id, seed, path }: CacheMount): string {
  const words = [id, seed.chainId ?? "", seed.layers.length === 0 ? "" : path];
  return createHash("sha256").update(JSON.stringify(words)).digest("hex");
}
