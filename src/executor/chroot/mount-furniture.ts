/** What the mounts of a RUN would show, as files of the tree: copies, a cache that is moved in, an empty folder. */
import { chmodSync, chownSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { type ByteString, byteStringOf, bytesOf, fsPath } from "../../util/bytes.js";
import type { CacheMount, Mount, RunIO } from "../contract.js";
import type { CacheFolders, CacheLease } from "../kit/cache-folders.js";
import { executorFailed, executorUnsupported } from "../kit/failures.js";
import type { LayerStore } from "../kit/layer-store.js";
import { type ForwardedSocket, forwardSocket } from "../kit/socket-forward.js";
import { CacheMoves } from "./cache-moves.js";
import type { Furniture } from "./furniture.js";
import type { LayerCopy } from "./layer-copy.js";
import type { SecretFiles } from "./secret-files.js";
import { makeFile, makeFolder } from "./system-furniture.js";

export interface MountParts {
  readonly executor: string;
  /** Of the run. */
  readonly folder: string;
  readonly root: ByteString;
  readonly furniture: Furniture;
  readonly layers: LayerStore;
  readonly copy: LayerCopy;
  readonly caches: CacheFolders;
  /** `undefined` where secrets would be written to a disk. */
  readonly secrets: SecretFiles | undefined;
}

export class MountFurniture {
  readonly secretEnv: Map<string, ByteString> = new Map();
  readonly #parts: MountParts;
  readonly #moves: CacheMoves;
  readonly #leases = new Map<CacheMount, CacheLease>();
  readonly #sockets: ForwardedSocket[] = [];
  readonly #secrets: (() => void)[] = [];
  #sshAuthSock: string | undefined;

  constructor(parts: MountParts) {
    this.#parts = parts;
    this.#moves = new CacheMoves(parts.executor, parts.folder);
  }

  /** Puts all mounts into the tree, in their order. Waits for caches. @throws EXECUTOR_FAILED, EXECUTOR_UNSUPPORTED */
  async add(mounts: readonly Mount[], io: RunIO): Promise<void> {
    await this.#lease(mounts, io);
    for (const [index, mount] of mounts.entries()) {
      io.signal.throwIfAborted();
      if ("target" in mount && mount.target !== undefined) this.#assertPlace(mount.target);
      switch (mount.type) {
        case "bind":
          await this.#bind(mount, io);
          break;
        case "cache":
          await this.#cache(mount, io);
          break;
        case "tmpfs":
          await this.#tmpfs(mount.target);
          break;
        case "secret":
          await this.#secret(mount, io);
          break;
        case "ssh":
          await this.#ssh(mount, index, io);
          break;
        case "host":
          throw executorUnsupported(this.#parts.executor, "host", "folders of this machine cannot be mounted here");
        case "file":
          await this.#put(mount.target, "file", (place) => makeFile(place, mount.content, mount.mode));
          break;
        default:
          mount satisfies never;
      }
    }
  }

  /** `env` with the socket of the first agent, unless it names one itself. */
  withSshAuthSock(env: readonly string[]): readonly string[] {
    if (this.#sshAuthSock === undefined || env.some((line) => line.startsWith("SSH_AUTH_SOCK="))) return env;
    return [...env, `SSH_AUTH_SOCK=${this.#sshAuthSock}`];
  }

  /** Empties secrets, ends connections, and lets go of caches, which are where they belong by then. */
  async close(): Promise<void> {
    for (const empty of this.#secrets.splice(0)) empty();
    for (const socket of this.#sockets.splice(0)) await socket.close();
    for (const lease of this.#leases.values()) await lease.release();
    this.#leases.clear();
  }

  /** All are locked; in the same order by everybody, so that nobody waits in a ring. */
  async #lease(mounts: readonly Mount[], io: RunIO): Promise<void> {
    const keyed = mounts.flatMap((mount) => (mount.type === "cache" ? [[keyOf(mount), mount] as const] : []));
    keyed.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    let last: string | undefined;
    for (const [key, mount] of keyed) {
      if (key === last && mount.sharing !== "private") {
        throw executorUnsupported(
          this.#parts.executor,
          "a cache twice",
          `cache mount "${mount.id}" can be in one place only, and this command wants it in two`,
        );
      }
      last = key;
      this.#leases.set(mount, await this.#parts.caches.acquire(lockedMount(mount), io));
    }
  }

  async #bind(mount: Mount & { readonly type: "bind" }, io: RunIO): Promise<void> {
    const { executor, layers, copy } = this.#parts;
    const view = await layers.prepare(mount.source.layers, io);
    const found = view.resolve(bytesOf(mount.path));
    if (found === undefined || (found.stat === undefined && found.path !== "")) {
      throw executorFailed(executor, `bind mount source "${mount.path}" is not there`);
    }
    const { path, stat } = found;
    if (stat !== undefined && !stat.isDirectory()) {
      await this.#put(mount.target, "file", (place) => copy.file(view, path, place, io.signal));
      return;
    }
    await this.#put(mount.target, "dir", async (place) => {
      makeFolder(place, 0o755);
      await copy.fill({ view, from: path, to: place }, io.signal);
    });
  }

  async #cache(mount: CacheMount, io: RunIO): Promise<void> {
    const { furniture, root, copy } = this.#parts;
    const home = this.#leases.get(mount)!.folder;
    if (mount.readOnly) {
      await this.#put(mount.target, "dir", async (place) => {
        mkdirSync(fsPath(place));
        await copy.folder(bytesOf(home), place, io.signal);
      });
      return;
    }
    const { path } = furniture.resolve(bytesOf(mount.target));
    let moveBack: ((place: string | Buffer) => void) | undefined;
    await furniture.put(
      bytesOf(mount.target),
      "dir",
      () => {
        moveBack = this.#moves.move(home, root, path);
      },
      (place) => moveBack?.(place),
    );
  }

  /** It has the rights of the directory that it covers, and where there is none everybody's. */
  async #tmpfs(target: string): Promise<void> {
    const covered = this.#parts.furniture.resolve(bytesOf(target)).stat;
    const mode = covered === undefined ? 0o1777 : covered.mode & 0o7777;
    await this.#put(target, "dir", (place) => makeFolder(place, mode));
  }

  async #secret(mount: Mount & { readonly type: "secret" }, io: RunIO): Promise<void> {
    const bytes = await io.readSecret(mount.id);
    if (mount.env !== undefined) this.secretEnv.set(mount.env, byteStringOf(bytes));
    if (mount.target === undefined) return;
    const { executor, secrets } = this.#parts;
    if (secrets === undefined) {
      throw executorUnsupported(
        executor,
        "secret files",
        "a file of a secret would be written to a disk here",
        SECRET_HINT,
      );
    }
    await this.#put(mount.target, "file", (place) => void this.#secrets.push(secrets.make(place, bytes, mount)));
  }

  async #ssh(mount: Mount & { readonly type: "ssh" }, index: number, io: RunIO): Promise<void> {
    const folder = join(this.#parts.folder, `ssh${index}`);
    mkdirSync(folder, { mode: 0o700 });
    const socket = join(folder, "agent");
    this.#sockets.push(await forwardSocket(folder, "agent", io.sshSocket(mount.id)));
    chownSync(socket, mount.uid, mount.gid);
    chmodSync(socket, mount.mode);
    await this.#put(mount.target, "file", (place) => renameSync(socket, fsPath(place)));
    this.#sshAuthSock ??= mount.target;
  }

  #put(target: string, kind: "dir" | "file", make: (place: ByteString) => void | Promise<void>): Promise<void> {
    return this.#parts.furniture.put(bytesOf(target), kind, make);
  }

  /** As where /proc, /sys and /dev are mounted. */
  #assertPlace(target: string): void {
    const { executor, furniture } = this.#parts;
    const { path } = furniture.resolve(bytesOf(target));
    if (path !== "dev" && !/^(?:proc|sys)(?:\/|$)/.test(path)) return;
    throw executorUnsupported(executor, "mount on a system folder", `nothing can be mounted on "${target}"`);
  }
}

export const SECRET_HINT =
  "take it as a variable (--mount=type=secret,id=…,env=NAME), or keep the store on a tmpfs that allows programs and devices with --root";

/** A cache in a tree is nowhere else: two commands cannot share it. */
export function lockedMount(mount: CacheMount): CacheMount {
  return mount.sharing === "shared" ? { ...mount, sharing: "locked" } : mount;
}

function keyOf({ id, seed, path }: CacheMount): string {
  return JSON.stringify([id, seed.chainId, path]);
}

/** Fills a new cache in the empty folder `to`, as `FillCache` asks for. */
export async function fillCache(
  { executor, layers, copy }: Pick<MountParts, "executor" | "layers" | "copy">,
  mount: CacheMount,
  to: string,
  io: RunIO,
): Promise<void> {
  if (mount.seed.layers.length > 0) {
    const view = await layers.prepare(mount.seed.layers, io);
    const found = view.resolve(bytesOf(mount.path));
    if (found === undefined || (found.path !== "" && found.stat?.isDirectory() !== true)) {
      throw executorFailed(executor, `cache mount source "${mount.path}" is no directory`);
    }
    await copy.fill({ view, from: found.path, to: bytesOf(to) }, io.signal);
  }
  chownSync(to, mount.uid, mount.gid);
  chmodSync(to, mount.mode);
}
