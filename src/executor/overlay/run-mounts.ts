/** The mounts that a RUN asks for, each resolved inside what it is mounted on. */
import { chmodSync, lstatSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ByteString, byteStringOf, bytesOf, fsPath, textOf } from "../../util/bytes.js";
import type { Mount, RunIO, RunSpec } from "../contract.js";
import type { CacheFolders, CacheLease } from "../kit/cache-folders.js";
import { executorFailed, executorUnsupported } from "../kit/failures.js";
import type { IdSpace } from "../kit/id-space.js";
import type { LayerStore } from "../kit/layer-store.js";
import { requireProgram } from "../kit/programs.js";
import { printfFormat, shellWord } from "../kit/quote.js";
import { type ForwardedSocket, forwardSocket } from "../kit/socket-forward.js";
import type { Fstab } from "./fstab.js";
import { lockedFlags } from "./locked-flags.js";
import { makeStackFolders, OverlayStack } from "./overlay-stack.js";

export interface MountParts {
  readonly executor: string;
  readonly folder: string;
  readonly fstab: Fstab;
  readonly stack: OverlayStack;
  readonly space: IdSpace;
  readonly layers: LayerStore;
  readonly caches: CacheFolders;
}

/** What is mounted where, for later mounts below it. */
interface Covered {
  /** Inside the root, without symlinks. */
  readonly path: ByteString;
  readonly type: Mount["type"];
  readonly stack: OverlayStack | undefined;
  /** What of `stack` is there. */
  readonly source: ByteString;
}

/** A directory in which everybody keeps files of their own. */
const ANYBODY = 0o1777;

export class RunMounts {
  /** Lines of the script that come before mounting. */
  readonly before: string[] = [];
  readonly secretEnv: Map<string, ByteString> = new Map();
  readonly #parts: MountParts;
  readonly #covered: Covered[] = [];
  readonly #leases: CacheLease[] = [];
  readonly #sockets: ForwardedSocket[] = [];
  #sshAuthSock: string | undefined;
  #count = 0;
  #hasMemory = false;

  constructor(parts: MountParts) {
    this.#parts = parts;
  }

  /** Prepares all mounts of `spec`, in their order. Waits for locked caches. */
  async add(spec: RunSpec, io: RunIO): Promise<void> {
    for (const mount of spec.mounts) {
      io.signal.throwIfAborted();
      const index = this.#count++;
      switch (mount.type) {
        case "bind":
          await this.#bind(mount, index, io);
          break;
        case "cache":
          await this.#cache(mount, io);
          break;
        case "tmpfs":
          this.#tmpfs(mount);
          break;
        case "secret":
          await this.#secret(mount, index, io);
          break;
        case "ssh":
          await this.#ssh(mount, index, io);
          break;
        case "host":
          this.#host(mount);
          break;
        case "file": {
          const file = join(this.#parts.folder, `file${index}`);
          writeFileSync(file, mount.content);
          chmodSync(file, mount.mode);
          this.#mount(mount, file, "file", "none", "bind,ro");
          break;
        }
        default:
          mount satisfies never;
      }
    }
  }

  /** `env` with the agent's socket, unless it names one. */
  withSshAuthSock(env: readonly string[]): readonly string[] {
    if (this.#sshAuthSock === undefined || env.some((line) => line.startsWith("SSH_AUTH_SOCK="))) return env;
    return [...env, `SSH_AUTH_SOCK=${this.#sshAuthSock}`];
  }

  /** Lets go of caches and sockets. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) await socket.close();
    for (const lease of this.#leases) await lease.release();
  }

  async #bind(mount: Mount & { type: "bind" }, index: number, io: RunIO): Promise<void> {
    const { folder, fstab, layers, executor, space } = this.#parts;
    const view = await layers.prepare(mount.source.layers, io);
    const at = { folder, name: `bind${index}`, isWritable: !mount.readOnly };
    makeStackFolders(at);
    const stack = new OverlayStack(view, at, executor, space);
    const { path, stat } = stack.resolve(bytesOf(mount.path));
    if (stat === undefined && path !== "") {
      throw executorFailed(executor, `bind mount source "${mount.path}" is not there`);
    }
    const kind = stat === undefined || stat.isDirectory() ? "dir" : "file";
    const place = this.#place(mount.target, kind);
    // The overlay's options are known only when later mounts below it have had their mount points made.
    fstab.addLater("overlay", stack.mountedAt, "overlay", () => stack.options());
    fstab.add(
      `${stack.mountedAt}${path === "" ? "" : `/${path}`}`,
      place.host,
      "none",
      mount.readOnly ? "bind,ro" : "bind",
    );
    this.#covered.push({ path: place.path, type: "bind", stack, source: path });
  }

  /** What is mounted below the folder comes along; a user namespace may not leave it out. */
  #host(mount: Mount & { type: "host" }): void {
    const { executor, space } = this.#parts;
    const stat = statSync(mount.source, { throwIfNoEntry: false });
    if (stat === undefined) throw executorFailed(executor, `the mount source "${mount.source}" is not there`);
    const locked = space.overlay === "user" ? lockedFlags(mount.source) : [];
    const options = mount.readOnly ? ["rbind", "ro", ...locked] : ["rbind"];
    this.#mount(mount, mount.source, stat.isDirectory() ? "dir" : "file", "none", options.join(","));
  }

  async #cache(mount: Mount & { type: "cache" }, io: RunIO): Promise<void> {
    const lease = await this.#parts.caches.acquire(mount, io);
    this.#leases.push(lease);
    this.#mount(mount, lease.folder, "dir", "none", mount.readOnly ? "bind,ro,nodev" : "bind,nodev");
  }

  /** It has the rights of the directory that it covers, and where there is none everybody's. */
  #tmpfs(mount: Mount & { type: "tmpfs" }): void {
    const covered = this.#parts.stack.resolve(bytesOf(mount.target)).stat;
    const mode = covered === undefined ? ANYBODY : covered.mode & 0o7777;
    const size = mount.sizeBytes === undefined ? "" : `,size=${mount.sizeBytes}`;
    this.#mount(mount, "tmpfs", "dir", "tmpfs", `nosuid,nodev,mode=${mode.toString(8)}${size}`);
  }

  async #secret(mount: Mount & { type: "secret" }, index: number, io: RunIO): Promise<void> {
    const bytes = await io.readSecret(mount.id);
    if (mount.env !== undefined) this.secretEnv.set(mount.env, byteStringOf(bytes));
    if (mount.target === undefined) return;
    const { executor, folder } = this.#parts;
    if (!this.#hasMemory) {
      this.#hasMemory = true;
      mkdirSync(join(folder, "memory"), { mode: 0o700 });
      const program = shellWord(requireProgram("mount", executor));
      this.before.push(
        `${program} -n -t tmpfs -o mode=0700,nosuid,nodev,noexec secrets memory >&3 2>&3 || fail "mounting failed"`,
      );
    }
    const file = `memory/${index}`;
    this.before.push(`printf '${printfFormat(bytes)}' > ${file} || fail "keeping a secret failed"`);
    this.#own(file, mount);
    this.#mount(mount, join(folder, file), "file", "none", "bind,ro,nosuid,nodev,noexec");
  }

  async #ssh(mount: Mount & { type: "ssh" }, index: number, io: RunIO): Promise<void> {
    const name = `ssh${index}`;
    const folder = join(this.#parts.folder, name);
    mkdirSync(folder, { mode: 0o700 });
    this.#sockets.push(await forwardSocket(folder, "agent", io.sshSocket(mount.id)));
    this.#own(`${name}/agent`, mount);
    this.#mount(mount, join(folder, "agent"), "file", "none", "bind");
    this.#sshAuthSock ??= mount.target;
  }

  /** Gives a file of the run's folder its owner and mode, inside the namespaces. */
  #own(file: string, { uid, gid, mode }: { readonly uid: number; readonly gid: number; readonly mode: number }): void {
    const { executor, space } = this.#parts;
    if (space.ids === "all" && (uid !== 0 || gid !== 0)) {
      const chown = shellWord(requireProgram("chown", executor));
      this.before.push(`${chown} ${uid}:${gid} ${file} 2>&3 || fail "changing an owner failed"`);
    }
    const chmod = shellWord(requireProgram("chmod", executor));
    this.before.push(`${chmod} ${mode.toString(8)} ${file} 2>&3 || fail "changing a mode failed"`);
  }

  #mount(
    mount: Mount & { readonly target?: string | undefined },
    source: string,
    kind: "dir" | "file",
    type: string,
    options: string,
  ): void {
    const place = this.#place(mount.target!, kind);
    const make = place.make ? `,x-mount.mkdir` : "";
    this.#parts.fstab.add(type === "tmpfs" ? source : bytesOf(source), place.host, type, options + make);
    this.#covered.push({ path: place.path, type: mount.type, stack: undefined, source: "" as ByteString });
  }

  /** /dev is a folder of the run, empty but for what we put there. */
  #placeInDev(path: ByteString, kind: "dir" | "file"): ByteString {
    const place = fsPath(`${bytesOf(this.#parts.folder)}/${path}` as ByteString);
    if (lstatSync(place, { throwIfNoEntry: false }) === undefined) {
      const parent = path.slice(0, path.lastIndexOf("/"));
      mkdirSync(fsPath(`${bytesOf(this.#parts.folder)}/${parent}` as ByteString), { recursive: true, mode: 0o755 });
      if (kind === "dir") {
        mkdirSync(place);
        chmodSync(place, ANYBODY);
      } else writeFileSync(place, "", { mode: 0o644 });
    }
    return `${this.#parts.stack.mountedAt}/${path}` as ByteString;
  }

  /** Where `target` is, with something to mount on: in the root file system, or in a mount that covers it. */
  #place(
    target: string,
    kind: "dir" | "file",
  ): { readonly path: ByteString; readonly host: ByteString; readonly make: boolean } {
    const { stack, executor } = this.#parts;
    const { path } = stack.resolve(bytesOf(target));
    if (path === "") throw executorUnsupported(executor, "mount on /", `nothing can be mounted on "/"`);
    const over = this.#covered.findLast((one) => path.startsWith(`${one.path}/`));
    const hostOf = (inside: ByteString): ByteString => `${stack.mountedAt}/${inside}` as ByteString;
    if (over === undefined) {
      const top = path.split("/", 1)[0]!;
      if (top === "dev" && path !== "dev") return { path, host: this.#placeInDev(path, kind), make: false };
      if (top === "proc" || top === "sys" || top === "dev") {
        throw executorUnsupported(executor, "mount on a system folder", `nothing can be mounted on "${target}"`);
      }
      return { path, host: stack.mountPoint(path, kind), make: false };
    }
    const rest = path.slice(over.path.length + 1) as ByteString;
    if (over.type === "tmpfs" && kind === "dir") return { path, host: hostOf(path), make: true };
    if (over.stack !== undefined) {
      const source = over.source === "" ? rest : (`${over.source}/${rest}` as ByteString);
      const real = over.stack.resolve(source).path;
      const isBelow = over.source === "" || real.startsWith(`${over.source}/`);
      if (isBelow) {
        over.stack.mountPoint(real, kind);
        const inside = over.source === "" ? real : real.slice(over.source.length + 1);
        return { path, host: hostOf(`${over.path}/${inside}` as ByteString), make: false };
      }
    }
    throw executorUnsupported(
      executor,
      "nested mounts",
      `"${target}" is inside the ${over.type} mount "/${textOf(over.path)}", where nothing can be mounted`,
    );
  }
}
