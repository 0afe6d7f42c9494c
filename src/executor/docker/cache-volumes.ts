/** Cache mounts: volumes of the engine that stay, one for each id and seed. */
import { createHash } from "node:crypto";
import type { Platform } from "../../oci/types.js";
import { type ByteString, bytesOf } from "../../util/bytes.js";
import type { Mount, RunIO } from "../contract.js";
import { executorFailed } from "../kit/failures.js";
import { DOCKER } from "./engine.js";
import type { EngineLock, EngineLocks } from "./engine-locks.js";
import { HELPER_MOUNT, type Helpers } from "./helper.js";
import { keptLabels } from "./labels.js";
import { CONTENT, type FileVolumes } from "./volume-files.js";

type CacheMount = Mount & { readonly type: "cache" };

export interface CacheLease {
  /** On the engine's machine. */
  readonly path: string;
  release(): Promise<void>;
}

const MAX_PRIVATE = 1000;
/** In the volume, beside its content: that this is all there. */
const READY = "ready";

export class CacheVolumes {
  readonly #helpers: Helpers;
  readonly #volumes: FileVolumes;
  readonly #locks: EngineLocks;
  readonly #platform: Platform;
  readonly #ready = new Set<string>();

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
      const name = `ocibuild-cache-${key}-${index}`;
      const folder = await this.#volumes.make(name, keptLabels("cache"), io.signal);
      if (!this.#ready.has(name)) await this.#makeReady(mount, name, io);
      return { path: `${folder}/${CONTENT}`, release: () => lock.release() };
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
    this.#ready.add(name);
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
