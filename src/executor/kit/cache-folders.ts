/** Cache mounts on disk: a folder for each id and seed, with locks as their sharing says. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import type { Mount, RunIO } from "../contract.js";
import { executorFailed } from "./failures.js";
import { type FileLock, lockFile } from "./file-lock.js";
import type { IdSpace } from "./id-space.js";
import { markUsed } from "./mark-used.js";
import type { ScratchFolders } from "./scratch-folders.js";

type CacheMount = Mount & { readonly type: "cache" };

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

export class CacheFolders {
  readonly #options: CacheFoldersOptions;

  constructor(options: CacheFoldersOptions) {
    this.#options = options;
  }

  /** The cache of `mount`, made when it is new; waits while others hold it, if its sharing says so. */
  async acquire(mount: CacheMount, io: RunIO): Promise<CacheLease> {
    const { stateDir, space, executor } = this.#options;
    const base = join(stateDir, "caches", space.key, keyOf(mount));
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
    const { scratch, fill } = this.#options;
    const made = scratch.make();
    try {
      mkdirSync(join(made, FILES), { mode: 0o755 });
      await fill(mount, join(made, FILES), io);
      try {
        // The folder of files belongs to whom the mount says, who alone may move it; the one around it is ours.
        renameSync(made, folder);
      } catch (error) {
        // Another one that shares it was quicker.
        if (!existsSync(join(folder, FILES))) throw error;
      }
    } finally {
      await scratch.remove(made);
    }
  }
}

function keyOf({ id, seed, path }: CacheMount): string {
  const words = [id, seed.chainId ?? "", seed.layers.length === 0 ? "" : path];
  return createHash("sha256").update(JSON.stringify(words)).digest("hex");
}
