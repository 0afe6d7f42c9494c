/** An executor that runs nothing: a function of the test says what each command would have changed and printed. */
import type {
  Executor,
  ExecutorCaches,
  ExecutorCapabilities,
  ExecutorProbe,
  RunIO,
  RunOutcome,
  RunSpec,
} from "../executor/contract.js";
import { applyLayer } from "../layers/fs/apply-layer.js";
import { bytesContent } from "../layers/fs/fs-node.js";
import { emptyTree, type FsTree } from "../layers/fs/fs-tree.js";
import { indexTar } from "../layers/layer-index.js";
import type { DiffId } from "../oci/digest.js";
import { hostPlatform } from "../oci/platform.js";
import type { EntryType, TarEntry } from "../tar/entry.js";
import { encodeHeader, headerSizeBound, paddingOf } from "../tar/header.js";
import { type ByteString, bytesOf } from "../util/bytes.js";

/** An entry of a changeset. Paths are relative. */
export interface FakeChange {
  readonly path: string;
  /** `file` unless told; `removed` is a whiteout, `opaque` hides what lower layers have in this directory. */
  readonly type?: EntryType | "removed" | "opaque";
  readonly content?: string | Buffer;
  /** 0644, and 0755 for directories, unless told. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Of symlinks and hard links. */
  readonly target?: string;
  readonly mtimeSeconds?: number;
  readonly xattrs?: Readonly<Record<string, Buffer>>;
}

/** What a command does: changes, a tar as it stands (for hostile ones), or a failure. */
export type FakeOutcome = readonly FakeChange[] | Buffer | { readonly exitCode: number; readonly signal?: string };

export interface FakeFiles {
  /** Text of a file of the root file system, or of what is mounted from layers; `undefined` when there is none. */
  readText(path: string, source?: { readonly layers: readonly DiffId[] }): Promise<string | undefined>;
  /** Names in a directory, sorted. */
  list(path: string, source?: { readonly layers: readonly DiffId[] }): Promise<readonly string[]>;
}

export type FakeCommand = (spec: RunSpec, files: FakeFiles, io: RunIO) => FakeOutcome | Promise<FakeOutcome>;

export interface FakeExecutorOptions {
  /** `fake` unless told. */
  readonly name?: string;
  readonly capabilities?: Partial<ExecutorCapabilities>;
  /** In place of a usable one. */
  readonly probe?: ExecutorProbe;
  /** What is in its cache mounts; out of reach unless given. */
  readonly caches?: ExecutorCaches;
}

export interface FakeExecutor extends Executor {
  /** The commands it was given, in their order. */
  readonly specs: readonly RunSpec[];
  readonly isDisposed: boolean;
}

const EVERYTHING: ExecutorCapabilities = {
  boundary: "none",
  platforms: [hostPlatform(), { os: "linux", architecture: "amd64" }, { os: "linux", architecture: "arm64" }],
  mounts: ["bind", "cache", "tmpfs", "secret", "ssh", "file"],
  networks: ["default", "none", "host"],
  securities: ["sandbox", "insecure"],
  ids: "all",
  limits: true,
};

/** An executor whose commands do what `command` says. */
export function fakeExecutor(command: FakeCommand, options: FakeExecutorOptions = {}): FakeExecutor {
  const specs: RunSpec[] = [];
  let isDisposed = false;
  return {
    name: options.name ?? "fake",
    specs,
    ...(options.caches === undefined ? {} : { caches: options.caches }),
    get isDisposed() {
      return isDisposed;
    },
    async probe() {
      return options.probe ?? { usable: true, capabilities: { ...EVERYTHING, ...options.capabilities } };
    },
    async run(spec, io): Promise<RunOutcome> {
      io.signal.throwIfAborted();
      specs.push(spec);
      const outcome = await command(spec, filesOf(spec, io), io);
      io.signal.throwIfAborted();
      if (Buffer.isBuffer(outcome)) return { exitCode: 0, changeset: inChunks(outcome) };
      if ("exitCode" in outcome) return { ...outcome, changeset: null };
      return { exitCode: 0, changeset: inChunks(packChanges(outcome)) };
    },
    async [Symbol.asyncDispose]() {
      isDisposed = true;
    },
  };
}

/** The changeset of `changes`, in their order, as a tar. */
export function packChanges(changes: readonly FakeChange[]): Buffer {
  const parts: Buffer[] = [];
  for (const change of changes) {
    const content = Buffer.from(change.content ?? "");
    const entry = entryOf(change, content.length);
    const header = Buffer.alloc(headerSizeBound(entry));
    parts.push(header.subarray(0, encodeHeader(entry, header, 0)), content, Buffer.alloc(paddingOf(content.length)));
  }
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

function entryOf(change: FakeChange, size: number): TarEntry {
  const { path, type = "file", mode, uid = 0, gid = 0, target = "", mtimeSeconds = 0, xattrs } = change;
  const isMarker = type === "removed" || type === "opaque";
  return {
    path: bytesOf(markedPath(path, type)),
    type: isMarker ? "file" : type,
    mode: mode ?? (type === "dir" ? 0o755 : 0o644),
    uid,
    gid,
    size: type === "file" ? size : 0,
    mtimeSeconds,
    mtimeNanos: 0,
    linkname: bytesOf(target),
    devMajor: 0,
    devMinor: 0,
    xattrs: xattrs && new Map(Object.entries(xattrs).map(([name, value]) => [bytesOf(name), value])),
  };
}

function markedPath(path: string, type: string): string {
  if (type === "opaque") return `${path}/.wh..wh..opq`.replace(/^\//, "");
  if (type !== "removed") return path;
  const slash = path.lastIndexOf("/") + 1;
  return `${path.slice(0, slash)}.wh.${path.slice(slash)}`;
}

async function* inChunks(bytes: Buffer): AsyncGenerator<Buffer, void, undefined> {
  for (let at = 0; at < bytes.length; at += 64 * 1024) yield bytes.subarray(at, at + 64 * 1024);
}

function filesOf(spec: RunSpec, io: RunIO): FakeFiles {
  return {
    async readText(path, source = spec.rootfs) {
      const tree = await treeOf(source.layers, io);
      const node = tree.find(relative(path));
      if (node?.content === undefined) return undefined;
      const bytes = Buffer.alloc(node.meta.size);
      const reader = node.content.open();
      reader.read(bytes, 0, bytes.length);
      reader.close();
      return bytes.toString("utf8");
    },
    async list(path, source = spec.rootfs) {
      return (await treeOf(source.layers, io)).list(relative(path));
    },
  };
}

async function treeOf(layers: readonly DiffId[], io: RunIO): Promise<FsTree> {
  let tree = emptyTree("the container");
  for (const diffId of layers) {
    const chunks: Buffer[] = [];
    for await (const chunk of io.openLayer(diffId)) chunks.push(Buffer.from(chunk));
    const tar = Buffer.concat(chunks);
    const { entries } = await indexTar([tar]);
    tree = applyLayer(tree, entries, ({ dataOffset, size }) =>
      bytesContent(tar.subarray(dataOffset, dataOffset + size)),
    );
  }
  return tree;
}

function relative(path: string): ByteString {
  return bytesOf(path.replace(/^\/+|\/+$/g, ""));
}
