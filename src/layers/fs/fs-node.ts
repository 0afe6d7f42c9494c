/**
 * The nodes of a file-system value: immutable to everyone but the edit that made them.
 *
 * Directories hold their children by name. Nodes are shared between the values that a build passes through (base image,
 * after step 1, after step 2, …): a step copies only the directories on the way to what it changes.
 */
import type { ContentReader, TreeNode } from "../../tree/file-tree.js";
import type { ByteString } from "../../util/bytes.js";

/** Where a file's bytes are. */
export interface FileContent {
  /** @throws CONTEXT_CHANGED, BLOB_NOT_FOUND */
  open(): ContentReader;
  /** sha256 of the bytes when it is known without reading them. */
  knownDigest(): Buffer | undefined;
  /** Told by whoever has read all of them. @throws CONTEXT_CHANGED, BLOB_NOT_FOUND when they are not what was promised */
  rememberDigest(sha256: Buffer): void;
}

/** Names the edit that made a node: nodes of another edition are shared and must not be changed. */
export type Edition = object;

export interface FsNode {
  readonly meta: TreeNode;
  /** Of files. */
  readonly content: FileContent | undefined;
  /** Of directories; changed only by the edit of the same edition. */
  readonly children: Map<ByteString, FsNode> | undefined;
  readonly edition: Edition;
  /** True when this edition put the node here; false for a directory that is only on the way to a change. */
  readonly changed: boolean;
}

const EMPTY = "" as ByteString;
let inodeCount = 0;

/**
 * An `inode` that no other file of this process has. Paths will not do: layers replace a file whose other names stay
 * what they were.
 */
export function newInode(): string {
  return `link ${++inodeCount}`;
}

/** Metadata of a directory. Times in seconds since 1970. */
export function directoryMeta(mode: number, uid: number, gid: number, mtimeSeconds: number): TreeNode {
  return {
    type: "dir",
    mode,
    uid,
    gid,
    size: 0,
    mtimeSeconds,
    mtimeNanos: 0,
    linkname: EMPTY,
    devMajor: 0,
    devMinor: 0,
    xattrs: undefined,
    inode: undefined,
  };
}

/** Metadata of a regular file of `size` bytes. */
export function fileMeta(mode: number, uid: number, gid: number, size: number, mtimeSeconds: number): TreeNode {
  return { ...directoryMeta(mode, uid, gid, mtimeSeconds), type: "file", size };
}

/** Content that is in memory already. */
export function bytesContent(bytes: Buffer, sha256?: Buffer): FileContent {
  return {
    open(): ContentReader {
      let at = 0;
      return {
        read(target, offset, length) {
          const count = bytes.copy(target, offset, at, Math.min(at + length, bytes.length));
          at += count;
          return count;
        },
        close() {},
      };
    },
    knownDigest: () => sha256,
    rememberDigest() {},
  };
}
