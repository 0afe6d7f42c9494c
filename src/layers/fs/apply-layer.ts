/**
 * A layer on top of a file system: the value after the layer's entries and whiteouts. @spec layer.md#applying-changesets
 */
import { OcibuildError } from "../../errors.js";
import type { TreeNode } from "../../tree/file-tree.js";
import { baseName, joinPath, parentPath } from "../../tree/paths.js";
import { resolveInTree } from "../../tree/resolve.js";
import { type ByteString, textOf } from "../../util/bytes.js";
import type { IndexedEntry } from "../layer-index.js";
import { FsEdit } from "./fs-edit.js";
import { directoryMeta, type FileContent, newInode } from "./fs-node.js";
import { FsTree } from "./fs-tree.js";

const WHITEOUT = ".wh.";
const OPAQUE = ".wh..wh..opq";

/** Gives the content of a file of the layer. */
export type OpenEntry = (entry: IndexedEntry) => FileContent;

/**
 * `base` with the layer applied. Whiteouts reach lower layers only, so they all come first, wherever they stand.
 * @param entries in the order of the tar
 * @throws LAYER_INVALID for a whiteout of nothing (`.wh.`, `.wh..`) or a hard link to what is not there
 */
export function applyLayer(base: FsTree, entries: readonly IndexedEntry[], openEntry: OpenEntry): FsTree {
  const edit = new FsEdit(base);
  applyEntries(edit, entries, openEntry);
  return new FsTree(edit.root, base.label);
}

/** Applies the layer to a file system that is being edited; its whiteouts reach all that is there before. @throws LAYER_INVALID */
export function applyEntries(edit: FsEdit, entries: readonly IndexedEntry[], openEntry: OpenEntry): void {
  const made = new Set<ByteString>();
  for (const { path, type } of entries) if (type === "dir") made.add(path);
  for (const entry of entries) {
    if (baseName(entry.path) !== OPAQUE) continue;
    const parent = hidingIn(edit, made, entry.path);
    if (parent !== undefined) emptyDirectory(edit, parent);
  }
  for (const entry of entries) {
    const name = baseName(entry.path);
    if (!name.startsWith(WHITEOUT) || name.startsWith(".wh..wh.")) continue;
    const hidden = name.slice(WHITEOUT.length);
    if (hidden === "" || hidden === "." || hidden === "..") {
      throw new OcibuildError("LAYER_INVALID", `whiteout "/${textOf(entry.path)}" names no file`, {
        details: { path: textOf(entry.path) },
      });
    }
    const parent = hidingIn(edit, made, entry.path);
    if (parent !== undefined) edit.remove(joinPath(parent, hidden as ByteString));
  }
  for (const entry of entries) if (!baseName(entry.path).startsWith(WHITEOUT)) addEntry(edit, entry, openEntry);
}

function addEntry(edit: FsEdit, entry: IndexedEntry, openEntry: OpenEntry): void {
  if (entry.path === "") {
    if (entry.type === "dir") edit.putDirectory(entry.path, entryMeta(entry));
    return;
  }
  const parent = parentIn(edit, entry.path);
  makeParents(edit, parent);
  const path = joinPath(parent, baseName(entry.path));
  if (entry.type === "dir") {
    edit.putDirectory(path, entryMeta(entry));
  } else if (entry.type === "hardlink") {
    const targetPath = joinPath(parentIn(edit, entry.linkname), baseName(entry.linkname));
    const target = edit.find(targetPath);
    if (target === undefined || target.children !== undefined) {
      throw new OcibuildError(
        "LAYER_INVALID",
        `hard link "/${textOf(entry.path)}" leads to "/${textOf(entry.linkname)}", expected a file of the image but got ${target === undefined ? "nothing" : "a directory"}`,
        { details: { path: textOf(entry.path) } },
      );
    }
    if (target.meta.inode === undefined) edit.put(targetPath, { ...target.meta, inode: newInode() }, target.content);
    edit.link(path, edit.find(targetPath)!);
  } else {
    edit.put(path, entryMeta(entry), entry.type === "file" ? openEntry(entry) : undefined);
  }
}

/** The directory that holds `path`, symlinks on the way followed inside the image. */
function parentIn(edit: FsEdit, path: ByteString): ByteString {
  const parent = parentPath(path);
  return edit.lstat(parent)?.type === "dir" ? parent : resolveInTree(edit, parent);
}

/**
 * The directory of the lower layers in which the whiteout `path` hides something; `undefined` when the layer makes the
 * directory itself, in the place of a link or a file: then there is nothing to hide, least of all where the link led.
 */
function hidingIn(edit: FsEdit, made: ReadonlySet<ByteString>, path: ByteString): ByteString | undefined {
  const parent = parentPath(path);
  if (edit.lstat(parent)?.type === "dir") return parent;
  for (let at = parent; at !== ""; at = parentPath(at)) {
    const type = made.has(at) ? edit.lstat(at)?.type : undefined;
    if (type !== undefined && type !== "dir") return undefined;
  }
  return resolveInTree(edit, parent);
}

/** Layers may leave out parents; engines then make them as root's, 0755. A file in the way gives way. */
function makeParents(edit: FsEdit, parent: ByteString): void {
  if (parent === "" || edit.lstat(parent)?.type === "dir") return;
  makeParents(edit, parentPath(parent));
  edit.putDirectory(parent, directoryMeta(0o755, 0, 0, 0));
}

function emptyDirectory(edit: FsEdit, path: ByteString): void {
  for (const name of edit.list(path)) edit.remove(joinPath(path, name));
}

/** The metadata of an entry that is no hard link. */
export function entryMeta(entry: IndexedEntry): TreeNode {
  const { type, mode, uid, gid, size, mtimeSeconds, mtimeNanos, linkname, devMajor, devMinor, xattrs } = entry;
  return {
    type: type as Exclude<typeof type, "hardlink">,
    mode,
    uid,
    gid,
    size,
    mtimeSeconds,
    mtimeNanos,
    linkname,
    devMajor,
    devMinor,
    xattrs,
    inode: undefined,
  };
}
