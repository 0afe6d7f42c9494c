/** The mounts of a RUN as the engine is told of them: volumes and files of its own machine, as it cannot see ours. */
import { chmodSync, chownSync } from "node:fs";
import { join } from "node:path";
import { type ByteString, bytesOf, textOf } from "../../util/bytes.js";
import type { SharedWork } from "../../util/shared-work.js";
import type { Mount, RunIO, RunSpec } from "../contract.js";
import { executorFailed, executorUnsupported } from "../kit/failures.js";
import type { IndexView } from "../kit/layer-index.js";
import {
  addMountStubs,
  kindOf,
  type LookIntoSource,
  type MountPlace,
  mountPlaces,
  placeAbove,
} from "../kit/mount-places.js";
import { SECRETS_FILE, secretScript } from "../kit/secret-script.js";
import { type ForwardedSocket, forwardSocket } from "../kit/socket-forward.js";
import type { StubLayer } from "../kit/stub-layer.js";
import { hostsText } from "../kit/system-files.js";
import { END, entryOf, fileInTar } from "../kit/tar-parts.js";
import type { CacheVolumes } from "./cache-volumes.js";
import { DOCKER } from "./engine.js";
import { ownedLabels } from "./labels.js";
import { keepInMemory, type MemoryFile, type MemoryFileParts } from "./memory-files.js";
import { uniqueName } from "./unique-name.js";
import { CONTENT, type VolumeFiles } from "./volume-files.js";

export interface MountParts extends MemoryFileParts {
  readonly view: IndexView;
  readonly stubs: StubLayer;
  readonly caches: CacheVolumes;
  /** Volumes of bind mounts that nobody writes to, for as long as the executor is in use. */
  readonly bound: SharedWork<string>;
  /** Of this machine, for an engine that sees it; `undefined` where that cannot be. */
  readonly makeFolder: (() => string) | undefined;
}

/** What the engine mounts, by paths of its machine. */
export interface EngineMounts {
  readonly binds: readonly { readonly source: string; readonly target: string; readonly readOnly: boolean }[];
  readonly tmpfs: readonly { readonly target: string; readonly options: string }[];
}

export class RunMounts {
  readonly secretEnv: Map<string, Buffer> = new Map();
  sshAuthSock: string | undefined;
  readonly #parts: MountParts;
  readonly #binds: EngineMounts["binds"][number][] = [];
  readonly #tmpfs: EngineMounts["tmpfs"][number][] = [];
  readonly #closing: (() => Promise<void>)[] = [];

  constructor(parts: MountParts) {
    this.#parts = parts;
  }

  /** Prepares all mounts of `spec`. Waits for locked caches. */
  async add(spec: RunSpec, io: RunIO): Promise<EngineMounts> {
    const secrets = new Map<Mount, Buffer>();
    for (const mount of spec.mounts) {
      if (mount.type !== "secret") continue;
      const bytes = await io.readSecret(mount.id);
      secrets.set(mount, bytes);
      if (mount.env !== undefined) this.secretEnv.set(mount.env, bytes);
    }
    const places = mountPlaces(this.#parts.view, spec.mounts, DOCKER);
    const memory: { readonly file: MemoryFile; readonly target: string }[] = [];
    for (const { mount, path } of places) {
      io.signal.throwIfAborted();
      const target = `/${textOf(path)}`;
      switch (mount.type) {
        case "bind":
          this.#bind(await this.#files(mount, path, places, spec, io), target, mount.readOnly);
          break;
        case "cache": {
          const lease = await this.#parts.caches.acquire(mount, io);
          this.#closing.push(lease.release);
          this.#bind(lease.path, target, mount.readOnly);
          break;
        }
        case "tmpfs": {
          const size = mount.sizeBytes === undefined ? "" : `,size=${mount.sizeBytes}`;
          this.#tmpfs.push({ target, options: `rw,exec,nosuid,nodev,${this.#rights(path)}${size}` });
          break;
        }
        case "secret":
          memory.push({ file: { ...ownerOf(mount), content: secrets.get(mount)! }, target });
          break;
        case "ssh":
          await this.#ssh(mount, target, io);
          break;
        case "file": {
          const content = Buffer.from(mount.content);
          memory.push({ file: { mode: mount.mode, uid: 0, gid: 0, content }, target });
          break;
        }
        case "host":
          throw executorUnsupported(DOCKER, "host", "folders of this machine are not given to containers of an engine");
        default:
          mount satisfies never;
      }
    }
    if (this.secretEnv.size > 0) {
      const { uid, gid } = spec.user;
      memory.push({
        file: { mode: 0o400, uid, gid, content: secretScript(this.secretEnv, DOCKER) },
        target: SECRETS_FILE,
      });
    }
    if (memory.length > 0) {
      const kept = await keepInMemory(
        this.#parts,
        memory.map(({ file }) => file),
        io.signal,
      );
      this.#closing.push(kept.close);
      memory.forEach(({ target }, index) => {
        this.#bind(kept.path(index), target, true);
      });
    }
    return { binds: this.#binds, tmpfs: this.#tmpfs };
  }

  /** Lets go of caches, sockets and memory. */
  async close(): Promise<void> {
    for (const close of this.#closing.splice(0)) await close();
  }

  #bind(source: string, target: string, readOnly: boolean): void {
    this.#binds.push({ source, target, readOnly });
  }

  /**
   * Adds /etc/hosts: Podman's own begins with that of its machine. The files are few, so they stay as long as the executor.
   * @param path where the image has it
   */
  async addHosts(spec: RunSpec, path: ByteString, io: RunIO): Promise<void> {
    const { volumes, bound } = this.#parts;
    const text = hostsText(spec);
    const kept = await bound.get(`hosts\n${text}`, io.signal, async () => {
      const name = uniqueName("files");
      const folder = await volumes.make(name, ownedLabels("files"), io.signal);
      try {
        const file = fileInTar(entryOf({ path: bytesOf("hosts") }), Buffer.from(text));
        await volumes.put(name, Buffer.concat([file, END]), io.signal);
      } catch (error) {
        await volumes.remove(name);
        throw error;
      }
      return `${name}\n${folder}/hosts`;
    });
    this.#bind(kept.split("\n")[1]!, `/${textOf(path)}`, true);
  }

  /** Mount points for all of `mounts`, in the root file system where no other mount covers them. */
  async addStubs(mounts: readonly Mount[], io: RunIO): Promise<void> {
    const { view, stubs } = this.#parts;
    await addMountStubs(stubs, mountPlaces(view, mounts, DOCKER), this.#look(io));
  }

  /** Of a tmpfs: those of the directory that it covers, else everybody's. */
  #rights(path: ByteString): string {
    const found = this.#parts.view.lookUp(path);
    if (found?.type !== "dir") return "mode=1777";
    const mode = `mode=${found.mode.toString(8)}`;
    // Podman knows no owner for it.
    return this.#parts.isPodman ? mode : `${mode},uid=${found.uid},gid=${found.gid}`;
  }

  #look(io: RunIO): LookIntoSource {
    return (source, path) => this.#parts.volumes.kindOf({ source, path }, io);
  }

  /** Path of a bind mount's files on the engine's machine. */
  async #files(
    mount: Mount & { readonly type: "bind" },
    path: ByteString,
    places: readonly MountPlace[],
    spec: RunSpec,
    io: RunIO,
  ): Promise<string> {
    const { volumes, bound } = this.#parts;
    const { source, path: from, readOnly } = mount;
    // Into what is writable the engine makes the mount points itself.
    const stubs: { readonly path: ByteString; readonly kind: "dir" | "file" }[] = [];
    if (readOnly) {
      for (const place of places) {
        if (placeAbove(places, place.path)?.path !== path) continue;
        stubs.push({
          path: place.path.slice(path.length + 1) as ByteString,
          kind: await kindOf(place, this.#look(io)),
        });
      }
    }
    const files: VolumeFiles = { source, path: from, stubs };
    const make = async (): Promise<string> => {
      const name = uniqueName("files");
      const folder = await volumes.make(name, ownedLabels("files"), io.signal);
      try {
        await volumes.fill(name, files, spec.platform, io);
      } catch (error) {
        await volumes.remove(name);
        throw error;
      }
      return `${name}\n${folder}/${CONTENT}`;
    };
    if (readOnly && stubs.length === 0) {
      const key = JSON.stringify([source.layers, from]);
      return (await bound.get(key, io.signal, make)).split("\n")[1]!;
    }
    const [name, folder] = (await make()).split("\n");
    this.#closing.push(() => volumes.remove(name!));
    return folder!;
  }

  async #ssh(mount: Mount & { readonly type: "ssh" }, target: string, io: RunIO): Promise<void> {
    const { makeFolder } = this.#parts;
    if (makeFolder === undefined) {
      throw executorUnsupported(DOCKER, "ssh", "an agent's socket cannot be taken to an engine on another machine");
    }
    const folder = makeFolder();
    const socket: ForwardedSocket = await forwardSocket(folder, "agent", io.sshSocket(mount.id));
    this.#closing.push(() => socket.close());
    const path = join(folder, "agent");
    try {
      chownSync(path, mount.uid, mount.gid);
    } catch (cause) {
      throw executorFailed(DOCKER, `a socket cannot be given to ${mount.uid}:${mount.gid}`, "Be root.", cause);
    }
    chmodSync(path, mount.mode);
    this.#bind(path, target, false);
    this.sshAuthSock ??= mount.target;
  }
}

function ownerOf({ mode, uid, gid }: Mount & { readonly type: "secret" }): Omit<MemoryFile, "content"> {
  return { mode, uid, gid };
}
