/** Cache mounts: volumes of the engine that stay, one for each id and seed. */
import { createHash, randomBytes } from "node:crypto";
import type { Platform } from "../../oci/types.js";
import { type ByteString, bytesOf } from "../../util/bytes.js";
import type { Mount, RunIO } from "../contract.js";
import { executorFailed } from "../kit/failures.js";
import { DOCKER } from "./engine.js";
import type { EngineLock, EngineLocks } from "./engine-locks.js";
import { HELPER_MOUNT, type Helpers } from "./helper.js";
import { keptLabels, MADE } from "./labels.js";
import { CONTENT, type FileVolumes } from "./volume-files.js";

type CacheMount = Mount & { readonly type: "cache" };

export interface CacheLease {
  /** On the engine's machine. */
  readonly path: string;
  release(): Promise<void>;
}

/** What names of caches begin with; the name of the lock is behind it. */
export const CACHE = "ocibuild-cache-";
const MAX_PRIVATE = 1000;
/** In the volume, beside its content: that this is all there. */
const READY = "ready";

export class CacheVolumes {
  readonly #helpers: Helpers;
  readonly #volumes: FileVolumes;
  readonly #locks: EngineLocks;
  readonly #platform: Platform;
  /** Name → which volume of that name has all that its seed has. */
  readonly #ready = new Map<string, string>();

  constructor(helpers: Helpers, volumes: FileVolumes, locks: EngineLocks, platform: Platform) {
    this.#helpers = helpers;
    this.#volumes = volumes;
    this.#locks = locks;
    this.#platform = platform;
  }

  /** The cache of `mount`, made when it is new; waits while others hold it, if its sharing says so. */
  async acquire(mount: CacheMount, io: RunIO): Promise<CacheLease> {
    const key = keyOf(mount);
    const { signal } = io;
    if (mount.sharing === "shared") return this.#lease(mount, key, 0, await this.#locks.shared(`${key}-0`, signal), io);
    const wait = mount.sharing === "locked";
    for (let index = 0; index < (wait ? 1 : MAX_PRIVATE); index++) {
      const lock = await this.#locks.exclusive(`${key}-${index}`, wait, signal);
      if (lock !== undefined) return this.#lease(mount, key, index, lock, io);
    }
    throw executorFailed(DOCKER, `cache mount "${mount.id}" is in use ${MAX_PRIVATE} times`);
  }

  async #lease(mount: CacheMount, key: string, index: number, lock: EngineLock, io: RunIO): Promise<CacheLease> {
    try {
      const name = `${CACHE}${key}-${index}`;
      const labels = { ...keptLabels("cache"), [MADE]: randomBytes(12).toString("hex") };
      const { Mountpoint, Labels } = await this.#volumes.ensure(name, labels, io.signal);
      const made = Labels?.[MADE] ?? "";
      if (this.#ready.get(name) !== made) await this.#makeReady(mount, name, io);
      this.#ready.set(name, made);
      return { path: `${Mountpoint}/${CONTENT}`, release: () => lock.release() };
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  async #makeReady(mount: CacheMount, name: string, io: RunIO): Promise<void> {
    const { signal } = io;
    if (!(await this.#isReady(name, signal))) {
      const lock = await this.#locks.exclusive(`${name}-fill`, true, signal);
      try {
        if (!(await this.#isReady(name, signal))) {
          const { seed: source, path, mode, uid, gid } = mount;
          const files = { source, path, top: { mode, uid, gid } };
          await this.#volumes.fill(name, files, this.#platform, io, bytesOf(READY) as ByteString);
        }
      } finally {
        await lock!.release();
      }
    }
  }

  #isReady(name: string, signal: AbortSignal): Promise<boolean> {
    const mount = { type: "volume", source: name, readOnly: true } as const;
    return this.#helpers.with({ mount, signal }, async (id) => {
      const query = { path: `${HELPER_MOUNT}/${READY}` };
      const call = { method: "HEAD", path: `/containers/${id}/archive`, query, signal } as const;
      return (await this.#helpers.engine.done(call, [404])).status !== 404;
    });
  }
}

function keyOf({ id, seed, path }: CacheMount): string {
  const words = [id, seed.chainId ?? "", seed.layers.length === 0 ? "" : path];
  return createHash("sha256").update(JSON.stringify(words)).digest("hex").slice(0, 40);
}
