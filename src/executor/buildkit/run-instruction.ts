/** A RUN as two lines of a Dockerfile: what its image, its options and its mounts say of the command. */
import { createHash, randomBytes } from "node:crypto";
import type { Platform } from "../../oci/types.js";
import { bytesOf } from "../../util/bytes.js";
import type { Mount, RootFiles, RunIO, RunSpec } from "../contract.js";
import { executorUnsupported } from "../kit/failures.js";
import type { IndexView } from "../kit/layer-index.js";
import { sourcePlace } from "../kit/mount-places.js";
import type { RootLayers } from "../kit/root-layers.js";
import { SECRETS_FILE, secretScript, withSecrets } from "../kit/secret-script.js";
import { END, type EngineLayer, entryOf, fileInTar, header, memoryLayer } from "../kit/tar-parts.js";
import { csv, type NamedImage } from "./client.js";
import type { LayoutFolder } from "./layout.js";

export const BUILDKIT = "buildkit";

export interface RunInstruction {
  readonly dockerfile: string;
  readonly images: readonly NamedImage[];
  /** By id. */
  readonly secrets: ReadonlyMap<string, Buffer>;
  /** Paths of agents' sockets, by id. */
  readonly agents: ReadonlyMap<string, string>;
}

export interface InstructionParts {
  readonly layout: LayoutFolder;
  readonly roots: RootLayers;
  readonly view: IndexView;
  /** All that is below the command. */
  readonly layers: readonly EngineLayer[];
}

/** What one line of a Dockerfile may have. */
const MAX_LINE_BYTES = 60_000;
/** Whatever a builder reads as nothing but itself, in a flag, a record and a word. */
const PLAIN_PATH = /^\/[\w./@%+:~^-]*$/;

/** @throws EXECUTOR_UNSUPPORTED, what `io` throws */
export async function runInstruction(parts: InstructionParts, spec: RunSpec, io: RunIO): Promise<RunInstruction> {
  const writer = new InstructionWriter(parts, spec.platform, io);
  for (const mount of spec.mounts) await writer.mount(mount);
  const { flags, images, secrets, agents } = await writer.end(spec);
  const env = spec.env.filter((line) => !writer.secretEnv.has(line.slice(0, line.indexOf("="))));
  if (writer.sshAuthSock !== undefined && !env.some((line) => line.startsWith("SSH_AUTH_SOCK="))) {
    env.push(`SSH_AUTH_SOCK=${writer.sshAuthSock}`);
  }
  const config = { Env: env, WorkingDir: spec.cwd, User: userOf(spec.user) };
  const base = { name: "base", digest: await parts.layout.image(parts.layers, spec.platform, config) };
  const args = writer.secretEnv.size === 0 ? spec.args : withSecrets(spec.args, parts.view, BUILDKIT);
  const line = ["RUN", neverCached(), ...flags, JSON.stringify(args)].join(" ");
  if (Buffer.byteLength(line) > MAX_LINE_BYTES) {
    throw executorUnsupported(
      BUILDKIT,
      "a long command",
      `a command with its mounts expected at most ${MAX_LINE_BYTES} bytes but got ${Buffer.byteLength(line)}`,
      "Put the script into a file of the build context.",
    );
  }
  return { dockerfile: `FROM base\n${line}\n`, images: [base, ...images], secrets, agents };
}

/**
 * What makes a builder run the command whatever it remembers: a secret that nobody has, and that the command does without.
 * Told to use no cache a newer BuildKit forgets cache mounts, too.
 */
function neverCached(): string {
  return `--mount=type=secret,id=run-${randomBytes(12).toString("hex")},target=/never-there`;
}

/**
 * A builder takes further groups from the image's own files, by the rules that core took them from there by, and only where
 * no group is named.
 */
function userOf({ uid, gid, additionalGids }: RunSpec["user"]): string {
  if (additionalGids.length === 0) return `${uid}:${gid}`;
  return uid === 0 ? "" : String(uid);
}

class InstructionWriter {
  readonly secretEnv: Map<string, Buffer> = new Map();
  sshAuthSock: string | undefined;
  readonly #parts: InstructionParts;
  readonly #platform: Platform;
  readonly #io: RunIO;
  readonly #flags: string[] = [];
  readonly #images: NamedImage[] = [];
  readonly #secrets = new Map<string, Buffer>();
  readonly #agents = new Map<string, string>();
  readonly #files: Buffer[] = [];

  constructor(parts: InstructionParts, platform: Platform, io: RunIO) {
    this.#parts = parts;
    this.#platform = platform;
    this.#io = io;
  }

  async mount(mount: Mount): Promise<void> {
    switch (mount.type) {
      case "bind": {
        const from = await this.#image(mount.source);
        const rights = mount.readOnly ? [] : ["rw"];
        this.#flag("bind", mount.target, [`from=${from}`, `source=${plain(mount.path)}`, ...rights]);
        break;
      }
      case "cache":
        this.#flag("cache", mount.target, await this.#cache(mount));
        break;
      case "tmpfs":
        this.#flag("tmpfs", mount.target, mount.sizeBytes === undefined ? [] : [`size=${mount.sizeBytes}`]);
        break;
      case "secret": {
        const bytes = await this.#io.readSecret(mount.id);
        if (mount.env !== undefined) this.secretEnv.set(mount.env, bytes);
        if (mount.target !== undefined) this.#secret(mount.target, bytes, mount);
        break;
      }
      case "ssh": {
        const id = `agent${this.#agents.size}`;
        this.#agents.set(id, this.#io.sshSocket(mount.id));
        this.sshAuthSock ??= mount.target;
        this.#flag("ssh", mount.target, [`id=${id}`, "required=true", ...ownerFields(mount)]);
        break;
      }
      case "file": {
        const name = String(this.#files.length);
        this.#files.push(fileInTar(entryOf({ path: bytesOf(name), mode: mount.mode }), Buffer.from(mount.content)));
        this.#flag("bind", mount.target, ["from=files", `source=/${name}`]);
        break;
      }
      case "host":
        throw executorUnsupported(BUILDKIT, "host", "folders of this machine are not given to a builder's containers");
      default:
        mount satisfies never;
    }
  }

  async end(spec: RunSpec): Promise<Omit<RunInstruction, "dockerfile"> & { readonly flags: readonly string[] }> {
    if (this.secretEnv.size > 0) {
      const owner = { mode: 0o400, uid: spec.user.uid, gid: spec.user.gid };
      this.#secret(SECRETS_FILE, secretScript(this.secretEnv, BUILDKIT), owner);
    }
    if (this.#files.length > 0) {
      const layer = memoryLayer(Buffer.concat([...this.#files, END]));
      this.#images.push({ name: "files", digest: await this.#parts.layout.image([layer], this.#platform, {}) });
    }
    return { flags: this.#flags, images: this.#images, secrets: this.#secrets, agents: this.#agents };
  }

  #flag(type: string, target: string, fields: readonly string[]): void {
    this.#flags.push(`--mount=${csv([`type=${type}`, `target=${plain(target)}`, ...fields])}`);
  }

  #secret(target: string, bytes: Buffer, owner: Parameters<typeof ownerFields>[0]): void {
    const id = `secret${this.#secrets.size}`;
    this.#secrets.set(id, bytes);
    this.#flag("secret", target, [`id=${id}`, "required=true", ...ownerFields(owner)]);
  }

  /** Name of the image with the files of `source`. */
  async #image({ chainId, layers: diffIds }: RootFiles): Promise<string> {
    const { layers } = await this.#parts.roots.prepare({ chainId, layers: diffIds }, this.#io);
    return this.#named(await this.#parts.layout.image(layers, this.#platform, {}));
  }

  #named(digest: string): string {
    const name = `mount${this.#images.length}`;
    this.#images.push({ name, digest });
    return name;
  }

  async #cache(mount: Mount & { readonly type: "cache" }): Promise<readonly string[]> {
    const { id, seed, path, sharing, readOnly } = mount;
    const words = [id, seed.chainId ?? "", seed.layers.length === 0 ? "" : path];
    const key = createHash("sha256").update(JSON.stringify(words)).digest("hex").slice(0, 40);
    const fields = [`id=ocibuild-${key}`, `sharing=${sharing}`, ...(readOnly ? ["ro"] : [])];
    if (seed.layers.length === 0) return [...fields, ...ownerFields(mount)];
    // A builder takes the mode of a cache with a source from the source.
    const { view, layers } = await this.#parts.roots.prepare(seed, this.#io);
    const place = sourcePlace(view, path, BUILDKIT);
    const found = view.lookUp(place);
    const { mode, uid, gid } = mount;
    const meta = found?.type === "dir" ? found : {};
    const top = header(entryOf({ ...meta, mode, uid, gid, type: "dir", path: place }));
    const all = [...layers, memoryLayer(Buffer.concat([top, END]))];
    const from = this.#named(await this.#parts.layout.image(all, this.#platform, {}));
    return [...fields, `from=${from}`, `source=${plain(path)}`];
  }
}

function ownerFields({
  mode,
  uid,
  gid,
}: {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}): readonly string[] {
  return [`mode=0${mode.toString(8)}`, `uid=${uid}`, `gid=${gid}`];
}

/** @throws EXECUTOR_UNSUPPORTED for a path that would be read as something else */
function plain(path: string): string {
  if (PLAIN_PATH.test(path)) return path;
  throw executorUnsupported(BUILDKIT, "an unusual path", `a mount at ${JSON.stringify(path)} cannot be handed on`);
}
