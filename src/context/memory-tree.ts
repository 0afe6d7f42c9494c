/** A build context made of values: for code that has no folder, and for tests. */
import { OcibuildError } from "../errors.js";
import type { ContentReader, FileTree, TreeNode } from "../tree/file-tree.js";
import { treePath } from "../tree/paths.js";
import { type ByteString, bytesOf } from "../util/bytes.js";
import { EMPTY_NODE, IndexTree } from "./index-tree.js";

/** One entry of a memory context; a plain string or bytes are a file of mode 0644. */
export interface MemoryEntry {
  /** `file` without it; `hardlink` shares the file `target`. */
  readonly type?: "file" | "dir" | "symlink" | "hardlink" | "fifo" | "char" | "block" | "socket";
  readonly content?: string | Uint8Array;
  /** Of symlinks (verbatim) and hard links (a path in the context). */
  readonly target?: string;
  /** Permission bits; 0644, or 0755 for directories, without it. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** A Date or seconds since 1970; 0 without it, so that equal values make equal images. */
  readonly mtime?: Date | number;
  readonly xattrs?: Readonly<Record<string, Uint8Array>>;
}

/** Path → entry; a path with a trailing slash is a directory. Later entries win. */
export type MemoryFiles =
  | Readonly<Record<string, string | Uint8Array | MemoryEntry>>
  | ReadonlyMap<string, string | Uint8Array | MemoryEntry>;

interface Bytes {
  readonly bytes: Buffer;
}

/**
 * The tree of `files`. Content is copied, so that changes made to it later change nothing here.
 * @throws CONTEXT_INVALID for an entry that cannot be
 */
export function memoryTree(files: MemoryFiles, label = "the build context"): FileTree {
  const tree = new IndexTree<Bytes>(label, ({ bytes }) => bufferReader(bytes));
  const entries = files instanceof Map ? files : Object.entries(files);
  for (const [name, value] of entries as Iterable<[string, string | Uint8Array | MemoryEntry]>) {
    const isBytes = typeof value === "string" || value instanceof Uint8Array;
    const entry: MemoryEntry = isBytes ? (name.endsWith("/") ? { type: "dir" } : { content: value }) : value;
    const path = treePath(bytesOf(name));
    if (entry.type === "hardlink") {
      tree.link(path, treePath(bytesOf(targetOf(name, entry))));
      continue;
    }
    const content = entry.type === undefined || entry.type === "file" ? contentOf(entry.content ?? "") : undefined;
    tree.put(path, nodeOf(name, entry, content), content);
  }
  return tree;
}

/** A reader of bytes that are in memory. */
export function bufferReader(bytes: Buffer): ContentReader {
  let at = 0;
  return {
    read: (target, offset, length) => {
      const count = bytes.copy(target, offset, at, Math.min(at + length, bytes.length));
      at += count;
      return count;
    },
    close: () => {},
  };
}

function contentOf(content: string | Uint8Array): Bytes {
  return { bytes: typeof content === "string" ? Buffer.from(content, "utf8") : Buffer.from(content) };
}

function nodeOf(name: string, entry: MemoryEntry, content: Bytes | undefined): TreeNode {
  const type = entry.type === "hardlink" ? "file" : (entry.type ?? "file");
  const mtimeMs = entry.mtime instanceof Date ? entry.mtime.getTime() : (entry.mtime ?? 0) * 1000;
  const mode = entry.mode ?? (type === "dir" ? 0o755 : type === "symlink" ? 0o777 : 0o644);
  const numbers = [mode, entry.uid ?? 0, entry.gid ?? 0, mtimeMs];
  if (!numbers.every(Number.isFinite) || numbers.slice(0, 3).some((value) => value < 0 || !Number.isInteger(value))) {
    throw invalid(name, "has a mode, owner or time that is no number of its kind");
  }
  const mtimeSeconds = Math.floor(mtimeMs / 1000);
  return {
    ...EMPTY_NODE,
    type,
    mode: mode & 0o7777,
    uid: entry.uid ?? 0,
    gid: entry.gid ?? 0,
    size: content?.bytes.length ?? 0,
    mtimeSeconds,
    mtimeNanos: Math.round((mtimeMs - mtimeSeconds * 1000) * 1e6),
    linkname: type === "symlink" ? bytesOf(targetOf(name, entry)) : EMPTY_NODE.linkname,
    xattrs: xattrsOf(entry),
  };
}

function targetOf(name: string, entry: MemoryEntry): string {
  if (entry.target === undefined || entry.target === "") throw invalid(name, `is a ${entry.type} without a target`);
  return entry.target;
}

function xattrsOf({ xattrs }: MemoryEntry): ReadonlyMap<ByteString, Buffer> | undefined {
  if (xattrs === undefined) return undefined;
  return new Map(Object.entries(xattrs).map(([key, value]) => [bytesOf(key), Buffer.from(value)]));
}

function invalid(name: string, fault: string): OcibuildError<"CONTEXT_INVALID"> {
  return new OcibuildError("CONTEXT_INVALID", `"${name}" of the memory context ${fault}`, { details: { path: name } });
}
