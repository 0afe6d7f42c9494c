/**
 * A folder of this machine as a tree: a build context. Files belong to root there, as BuildKit has it. Nothing is read
 * that nobody asks for; what is read is checked against what was seen of it before (threats C8, C9, C10).
 */
import { type BigIntStats, constants, lstatSync, openSync, readdirSync, readlinkSync } from "node:fs";
import { OcibuildError } from "../errors.js";
import type { ContentReader, FileTree, TreeNode } from "../tree/file-tree.js";
import { joinPath, parentPath, ROOT } from "../tree/paths.js";
import { type ByteString, bytesOf, fsPath, textOf } from "../util/bytes.js";
import { FileReader } from "./file-reader.js";
import { type FileIdentity, openStatCache, type StatCache } from "./stat-cache.js";

/** A node with what tells whether the file is still the same. */
export interface DirNode extends TreeNode, FileIdentity {
  readonly dev: number;
}

export interface DirTreeOptions {
  /** How errors call the tree; `the build context` without it. */
  readonly label?: string | undefined;
  readonly statCache?: StatCache | undefined;
}

/** Not there on Windows: opening a link or a pipe there is no danger of this kind. */
const OPEN_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
const IS_WINDOWS = process.platform === "win32";
const NANOS = 1_000_000_000n;

/** The folder `root` (an absolute path without symbolic links) as a tree. */
export function dirTree(root: string, options: DirTreeOptions = {}): FileTree {
  return new DirTree(root, options.label ?? "the build context", options.statCache ?? openStatCache(undefined, 0));
}

class DirTree implements FileTree {
  readonly #root: ByteString;
  readonly #label: string;
  readonly #statCache: StatCache;
  /** Paths that were seen to be directories, not links to some: below them `lstat` sees what is in this tree. */
  readonly #directories = new Set<ByteString>([ROOT]);

  constructor(root: string, label: string, statCache: StatCache) {
    this.#root = bytesOf(root);
    this.#label = label;
    this.#statCache = statCache;
  }

  lstat(path: ByteString): DirNode | undefined {
    if (path.includes("\0")) return undefined;
    const parent = parentPath(path);
    if (!this.#directories.has(parent) && this.lstat(parent)?.type !== "dir") return undefined;
    const hostPath = this.#hostPath(path);
    const stat = this.#attempt(path, () => lstatSync(hostPath, { bigint: true, throwIfNoEntry: false }));
    if (stat === undefined) return undefined;
    const node = nodeOf(stat, stat.isSymbolicLink() ? this.#readLink(path, hostPath) : ROOT);
    if (node.type === "dir") this.#directories.add(path);
    return node;
  }

  list(path: ByteString): readonly ByteString[] {
    const hostPath = this.#hostPath(path);
    const names = this.#attempt(path, () => readdirSync(hostPath, { encoding: "latin1" })) as ByteString[] | undefined;
    // A link that has taken the folder's place since it was seen would show what is somewhere else.
    const isFolder = path === ROOT || this.#attempt(path, () => lstatSync(hostPath).isDirectory()) === true;
    if (names === undefined || !isFolder) throw changed(this, path);
    return names.sort();
  }

  open(path: ByteString, node: TreeNode): ContentReader {
    if (node.type !== "file") {
      throw new OcibuildError(
        "CONTEXT_UNSUPPORTED_FILE",
        `expected ${this.describe(path)} to be a file, but got a ${node.type}`,
        {
          details: { path: textOf(path), type: node.type },
        },
      );
    }
    const fd = this.#attempt(path, () => openSync(this.#hostPath(path), OPEN_FLAGS));
    if (fd === undefined) throw changed(this, path);
    return new FileReader(fd, node as DirNode, {
      changed: () => changed(this, path),
      unreadable: (cause) => unreadable(this, path, cause),
    });
  }

  knownContentDigest(path: ByteString, node: TreeNode): Buffer | undefined {
    return this.#statCache.lookup(path, node as DirNode);
  }

  rememberContentDigest(path: ByteString, node: TreeNode, sha256: Buffer): void {
    this.#statCache.record(path, node as DirNode, sha256);
  }

  describe(path: ByteString): string {
    return `"${textOf(path) || "."}" in ${this.#label}`;
  }

  explainAbsence(): undefined {
    return undefined;
  }

  #hostPath(path: ByteString): string | Buffer {
    return fsPath(joinPath(this.#root, path));
  }

  #readLink(path: ByteString, hostPath: string | Buffer): ByteString {
    const target = this.#attempt(path, () => readlinkSync(hostPath, { encoding: "latin1" }));
    if (target === undefined) throw changed(this, path);
    return (IS_WINDOWS ? target.replaceAll("\\", "/") : target) as ByteString;
  }

  /** What `call` returns; `undefined` when the path is not there, or is no longer what it was. */
  #attempt<T>(path: ByteString, call: () => T): T | undefined {
    try {
      return call();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // EINVAL: readlink of what is no link. ENXIO: a socket. ELOOP: a link where O_NOFOLLOW was given.
      if (code === "ENOENT" || code === "ENOTDIR" || code === "EINVAL" || code === "ENXIO" || code === "ELOOP") {
        return undefined;
      }
      throw unreadable(this, path, error);
    }
  }
}

function changed(tree: FileTree, path: ByteString): OcibuildError<"CONTEXT_CHANGED"> {
  return new OcibuildError("CONTEXT_CHANGED", `${tree.describe(path)} changed while it was read`, {
    details: { path: textOf(path) },
    hint: "Wait until nothing writes to the build context, then build again.",
  });
}

function unreadable(tree: FileTree, path: ByteString, cause: unknown): OcibuildError<"CONTEXT_UNREADABLE"> {
  const { code } = cause as NodeJS.ErrnoException;
  const hint = code === undefined ? undefined : UNREADABLE_HINTS.get(code);
  return new OcibuildError("CONTEXT_UNREADABLE", `${tree.describe(path)} cannot be read (${code ?? "unknown error"})`, {
    details: { path: textOf(path) },
    cause,
    ...(hint === undefined ? {} : { hint }),
  });
}

const UNREADABLE_HINTS: ReadonlyMap<string, string> = new Map([
  ["EACCES", "Make it readable, or exclude it with a line in .dockerignore."],
  ["EPERM", "Make it readable, or exclude it with a line in .dockerignore."],
  ["ENAMETOOLONG", "Its path is longer than the system takes: build from a folder nearer to it, or exclude it."],
]);

const TYPES: ReadonlyMap<number, TreeNode["type"]> = new Map([
  [0o100000, "file"],
  [0o040000, "dir"],
  [0o120000, "symlink"],
  [0o010000, "fifo"],
  [0o140000, "socket"],
  [0o020000, "char"],
  [0o060000, "block"],
]);

function nodeOf(stat: BigIntStats, linkname: ByteString): DirNode {
  const mode = Number(stat.mode);
  const type = TYPES.get(mode & 0o170000) ?? "file";
  const isFile = type === "file";
  const isDevice = type === "char" || type === "block";
  const mtimeSeconds = floorSeconds(stat.mtimeNs);
  const ctimeSeconds = floorSeconds(stat.ctimeNs);
  const rdev = isDevice ? Number(stat.rdev) : 0;
  return {
    type,
    // Windows has no mode bits: everything is executable there, as in docker's builds.
    mode: IS_WINDOWS ? ((mode & 0o7777) | 0o111) & 0o755 : mode & 0o7777,
    uid: 0,
    gid: 0,
    size: isFile ? Number(stat.size) : 0,
    mtimeSeconds,
    mtimeNanos: Number(stat.mtimeNs - BigInt(mtimeSeconds) * NANOS),
    linkname,
    devMajor: (rdev >>> 8) & 0xfff,
    devMinor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00),
    xattrs: undefined,
    inode: isFile && stat.nlink > 1n ? `${stat.dev}:${stat.ino}` : undefined,
    dev: Number(stat.dev),
    ino: Number(stat.ino),
    ctimeSeconds,
    ctimeNanos: Number(stat.ctimeNs - BigInt(ctimeSeconds) * NANOS),
  };
}

function floorSeconds(nanos: bigint): number {
  const seconds = Number(nanos / NANOS);
  return nanos < 0n && nanos % NANOS !== 0n ? seconds - 1 : seconds;
}
