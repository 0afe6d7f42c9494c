/**
 * ADD of an archive as a function on file-system values: its entries land below the destination, which is the root for
 * every link on the way, as if the archive were unpacked in a chroot (BuildKit's way).
 */
import { OcibuildError } from "../../errors.js";
import type { FileTree, TreeNode } from "../../tree/file-tree.js";
import { baseName, joinPath, parentPath, ROOT } from "../../tree/paths.js";
import { resolveInTree } from "../../tree/resolve.js";
import { type ByteString, textOf } from "../../util/bytes.js";
import { entryMeta, type OpenEntry } from "../fs/apply-layer.js";
import type { FsEdit } from "../fs/fs-edit.js";
import { directoryMeta, newInode } from "../fs/fs-node.js";
import type { IndexedEntry } from "../layer-index.js";
import type { Owner } from "./owner.js";

const WHITEOUT = ".wh.";

export interface UnpackOptions {
  /** Of everything that is unpacked; `undefined` keeps what the archive says. */
  readonly owner: Owner | undefined;
  /** Time of directories that the archive implies. */
  readonly nowSeconds: number;
}

/**
 * Unpacks `entries` into the directory `destination`, which exists.
 * @throws LAYER_COPY for a hard link to what is not there, or a path through what is no directory
 */
export function unpackArchive(
  edit: FsEdit,
  destination: ByteString,
  entries: readonly IndexedEntry[],
  openEntry: OpenEntry,
  options: UnpackOptions,
): void {
  const root = new Subtree(edit, destination);
  for (const entry of entries) if (entry.path !== "") unpackEntry(root, entry, openEntry, options);
}

function unpackEntry(root: Subtree, entry: IndexedEntry, openEntry: OpenEntry, options: UnpackOptions): void {
  const parent = realParent(root, entry.path, options);
  const name = baseName(entry.path);
  const path = joinPath(parent, name);
  if (name.startsWith(WHITEOUT)) {
    const hidden = name.slice(WHITEOUT.length) as ByteString;
    if (hidden === "" || hidden === "." || hidden === "..") throw notAWhiteout(entry.path);
    // In a layer such a name deletes its sibling, and that is what BuildKit's image shows.
    root.edit.remove(root.outer(joinPath(parent, hidden)));
    return;
  }
  const existing = root.lstat(path);
  if (existing !== undefined && !(existing.type === "dir" && entry.type === "dir")) root.edit.remove(root.outer(path));
  const meta = owned(entryMeta(entry), options.owner);
  if (entry.type === "dir") {
    root.edit.putDirectory(root.outer(path), meta);
  } else if (entry.type === "hardlink") {
    linkEntry(root, entry, path);
  } else {
    root.edit.put(root.outer(path), meta, entry.type === "file" ? openEntry(entry) : undefined);
  }
}

function linkEntry(root: Subtree, entry: IndexedEntry, path: ByteString): void {
  const targetParent = resolveInTree(root, parentPath(entry.linkname));
  const target = root.outer(joinPath(targetParent, baseName(entry.linkname)));
  const node = root.edit.find(target);
  if (node === undefined || node.children !== undefined) {
    throw new OcibuildError(
      "LAYER_COPY",
      `link /${textOf(entry.linkname)} /${textOf(entry.path)}: ${node === undefined ? "no such file or directory" : "it is a directory"} in the archive's destination`,
      { details: { path: textOf(entry.path) }, hint: "the archive holds a hard link to a file that it does not hold" },
    );
  }
  if (node.edition === root.edit.edition && node.meta.inode !== undefined) root.edit.link(root.outer(path), node);
  else root.edit.link(root.outer(path), root.edit.put(target, { ...node.meta, inode: newInode() }, node.content));
}

/** No engine could unpack a layer with such an entry. */
function notAWhiteout(path: ByteString): OcibuildError<"LAYER_INVALID"> {
  return new OcibuildError("LAYER_INVALID", `"/${textOf(path)}" of the archive marks the deletion of no file`, {
    details: { path: textOf(path) },
    hint: 'names that start with ".wh." have a meaning in layers: rename the file in the archive',
  });
}

/** The directory that will hold `path`, made where the archive only implies it. */
function realParent(root: Subtree, path: ByteString, options: UnpackOptions): ByteString {
  const parent = parentPath(path);
  if (parent === ROOT) return ROOT;
  if (root.lstat(parent)?.type === "dir") return parent;
  const grandparent = realParent(root, parent, options);
  const here = joinPath(grandparent, baseName(parent));
  const node = root.lstat(here);
  if (node === undefined) {
    root.edit.putDirectory(root.outer(here), directoryMeta(0o755, 0, 0, options.nowSeconds));
    return here;
  }
  const resolved = resolveInTree(root, here);
  const type = root.lstat(resolved)?.type;
  if (type === "dir") return resolved;
  throw new OcibuildError(
    "LAYER_COPY",
    `open /${textOf(path)}: ${type === undefined ? "no such file or directory" : "not a directory"}: "/${textOf(parent)}" leads nowhere inside the archive's destination`,
    { details: { path: textOf(path) }, hint: "links are followed inside the destination of ADD only" },
  );
}

function owned(meta: TreeNode, owner: Owner | undefined): TreeNode {
  return owner === undefined ? meta : { ...meta, uid: owner.uid ?? meta.uid, gid: owner.gid ?? meta.gid };
}

/** A directory of an edit as a tree of its own: its root is where links end. */
class Subtree implements FileTree {
  readonly edit: FsEdit;
  readonly #top: ByteString;

  constructor(edit: FsEdit, top: ByteString) {
    this.edit = edit;
    this.#top = top;
  }

  /** `path` of this tree as a path of the edit. */
  outer(path: ByteString): ByteString {
    return joinPath(this.#top, path);
  }

  lstat(path: ByteString): TreeNode | undefined {
    return this.edit.lstat(this.outer(path));
  }

  list(path: ByteString): readonly ByteString[] {
    return this.edit.list(this.outer(path));
  }

  open(path: ByteString): ReturnType<FileTree["open"]> {
    return this.edit.open(this.outer(path));
  }

  knownContentDigest(): undefined {
    return undefined;
  }

  rememberContentDigest(): void {}

  describe(path: ByteString): string {
    return this.edit.describe(this.outer(path));
  }

  explainAbsence(): undefined {
    return undefined;
  }
}
