/**
 * A file system as a value that can be read: what COPY and ADD copy from and into.
 *
 * A build context, an archive, another stage and a base image are all `FileTree`s. Reading is synchronous: whatever is
 * remote or compressed is brought to local disk before a tree is made of it, so that one layer of 20,000 files costs
 * 20,000 system calls and not 20,000 promises.
 */
import type { TarEntry } from "../tar/entry.js";
import type { ByteString } from "../util/bytes.js";

/** Metadata of one node. Like a tar entry without its path; `hardlink` does not occur: linked paths share `inode`. */
export interface TreeNode extends Omit<TarEntry, "path" | "type"> {
  readonly type: Exclude<TarEntry["type"], "hardlink"> | "socket";
  /** Equal for paths that are one file with several names, unique within its tree; `undefined` when it has one name. */
  readonly inode: string | undefined;
}

/** Bytes of one file, in order. */
export interface ContentReader {
  /**
   * Fills `target` from `offset` with at most `length` bytes; returns how many, 0 only at the end.
   * @throws CONTEXT_CHANGED when the source no longer is what its node said
   */
  read(target: Buffer, offset: number, length: number): number;
  /**
   * Must be called once; releases the file.
   * @throws CONTEXT_CHANGED when the source changed while it was read
   */
  close(): void;
}

/**
 * Paths are relative, `/`-separated, without `.` and `..`; the root is the empty string. Symlinks are never followed,
 * neither the last component nor those before it: following is `resolveInTree`'s job, within the tree's root.
 */
export interface FileTree {
  /** The node at `path`, or `undefined` when there is none (also when a parent is not a directory). */
  lstat(path: ByteString): TreeNode | undefined;
  /** Names in the directory `path`, sorted bytewise. */
  list(path: ByteString): readonly ByteString[];
  /** Opens the file `path`, whose node is `node`. */
  open(path: ByteString, node: TreeNode): ContentReader;
  /** sha256 of the file's content if that is known without reading it. */
  knownContentDigest(path: ByteString, node: TreeNode): Buffer | undefined;
  /** Told by whoever read the whole file; a tree may remember it for the next build. */
  rememberContentDigest(path: ByteString, node: TreeNode, sha256: Buffer): void;
  /** How errors name a path of this tree, for example `/src/app.js of stage "build"` or `"app.js" in the build context`. */
  describe(path: ByteString): string;
  /**
   * Why a path that a user may expect is not in this tree, as a sentence, for example
   * `"dist/app.js" is excluded by .dockerignore line 4 ("dist")`; `undefined` when there is nothing to say.
   */
  explainAbsence(path: ByteString): string | undefined;
}
