/**
 * COPY (and ADD of what is not unpacked) as a function on file-system values: puts what was selected from a source tree
 * into an edit of the image's file system. Meaning: BuildKit's file op and the copy rules of fsutil.
 */
import { OcibuildError } from "../../errors.js";
import type { ModeChange } from "../../tree/chmod.js";
import type { FileTree, TreeNode } from "../../tree/file-tree.js";
import { joinPath, parentPath } from "../../tree/paths.js";
import { resolveInTree } from "../../tree/resolve.js";
import { type ByteString, textOf } from "../../util/bytes.js";
import type { FsEdit } from "../fs/fs-edit.js";
import { directoryMeta, type FileContent, type FsNode } from "../fs/fs-node.js";
import type { Owner } from "./owner.js";

/** One node of what a source path selects. */
export interface SelectedNode {
  /** Where it is in the source tree. */
  readonly path: ByteString;
  /** Path below the selected root; empty for the root itself. */
  readonly relative: ByteString;
  readonly node: TreeNode;
  /** Of files. */
  readonly content: FileContent | undefined;
  /** True for a directory that no pattern selects and that is made only because something in it is. */
  readonly isOnTheWay: boolean;
}

/** One source path with all that COPY takes from it. */
export interface Selection {
  readonly tree: FileTree;
  /** The last component of the path as it was selected (a symlink's own name, not its target's). */
  readonly name: ByteString;
  /** The root first, then everything below, parents before children, names bytewise. */
  readonly nodes: readonly SelectedNode[];
}

export interface CopyOptions {
  /** `undefined` keeps the owners of the source; made directories are root's. */
  readonly owner: Owner | undefined;
  readonly mode: ModeChange | undefined;
  /** Time of directories that are made for the destination, seconds since 1970. */
  readonly nowSeconds: number;
  /** False where a copied folder becomes a folder in the destination instead of being merged into it. */
  readonly mergeDirectories: boolean;
}

/** Destination of a copy: a clean path without leading slash, and whether it was written as a directory (`/x/`). */
export interface Destination {
  readonly path: ByteString;
  readonly isDirectory: boolean;
}

/**
 * Copies `selection` to `destination`.
 * @throws LAYER_COPY when a directory is in the way of a file or the other way round
 */
export function copySelection(
  edit: FsEdit,
  selection: Selection,
  destination: Destination,
  options: CopyOptions,
): void {
  makeDirectories(edit, destination.isDirectory ? destination.path : parentPath(destination.path), options);
  let target = resolveInTree(edit, destination.path);
  assertNameLengths(target);
  const root = selection.nodes[0]!;
  const existing = edit.lstat(target);
  const merges = root.node.type === "dir" && options.mergeDirectories;
  if (existing !== undefined && (root.node.type === "dir" ? !options.mergeDirectories : existing.type === "dir")) {
    target = joinPath(target, selection.name);
  }
  makeDirectories(edit, merges && existing === undefined ? target : parentPath(target), options);
  // Names of one file within one source path stay one file.
  const linked = new Map<string, FsNode>();
  for (const selected of selection.nodes) {
    const path = selected.relative === "" ? target : joinPath(target, selected.relative);
    if (selected.node.type === "dir") copyDirectory(edit, path, selected, options);
    else copyLeaf(edit, path, selected, options, linked);
  }
}

/** Makes `path` and the directories above it where they are missing, through symlinks. @throws LAYER_COPY */
export function makeDirectories(
  edit: FsEdit,
  path: ByteString,
  options: { readonly owner: Owner | undefined; readonly mode: ModeChange | undefined; readonly nowSeconds: number },
): void {
  const resolved = resolveInTree(edit, path);
  assertNameLengths(resolved);
  const existing = edit.lstat(resolved);
  if (existing?.type === "dir") return;
  if (existing !== undefined) throw notADirectory("mkdir", resolved);
  const mode = (options.mode?.fixed ?? 0o755) & 0o777;
  const meta = directoryMeta(mode, options.owner?.uid ?? 0, options.owner?.gid ?? 0, options.nowSeconds);
  for (let slash = resolved.indexOf("/"); ; slash = resolved.indexOf("/", slash + 1)) {
    const part = (slash === -1 ? resolved : resolved.slice(0, slash)) as ByteString;
    const node = edit.lstat(part);
    if (node === undefined) edit.putDirectory(part, meta);
    else if (node.type !== "dir") throw notADirectory("lstat", resolved);
    if (slash === -1) return;
  }
}

function copyDirectory(edit: FsEdit, path: ByteString, selected: SelectedNode, options: CopyOptions): void {
  const existing = edit.lstat(path);
  if (existing === undefined) {
    edit.putDirectory(path, applied(selected.node, options));
  } else if (existing.type !== "dir") {
    throw new OcibuildError(
      "LAYER_COPY",
      `cannot copy to non-directory: "/${textOf(path)}" is a ${existing.type} in the image`,
      {
        details: { path: textOf(path) },
        hint: "copy to another path, or remove it in an earlier step",
      },
    );
  } else if (selected.relative === "") {
    // The destination itself keeps its owner and mode; only its time follows the source.
    edit.putDirectory(path, {
      ...existing,
      mtimeSeconds: selected.node.mtimeSeconds,
      mtimeNanos: selected.node.mtimeNanos,
    });
  } else if (selected.isOnTheWay) {
    edit.putDirectory(path, { ...existing, mode: selected.node.mode });
  } else {
    edit.putDirectory(path, applied(selected.node, options));
  }
}

function copyLeaf(
  edit: FsEdit,
  path: ByteString,
  selected: SelectedNode,
  options: CopyOptions,
  linked: Map<string, FsNode>,
): void {
  if (edit.lstat(path)?.type === "dir") {
    throw new OcibuildError("LAYER_COPY", `cannot replace to directory "/${textOf(path)}" with file`, {
      details: { path: textOf(path) },
      hint: "copy to another path, or remove the directory in an earlier step",
    });
  }
  const { inode } = selected.node;
  const known = inode === undefined ? undefined : linked.get(inode);
  if (known !== undefined) {
    edit.link(path, known);
    return;
  }
  const node = edit.put(path, applied(selected.node, options), selected.content);
  if (inode !== undefined) linked.set(inode, node);
}

/** The metadata a copied node gets. */
function applied(node: TreeNode, options: CopyOptions): TreeNode {
  const { owner, mode } = options;
  if (owner === undefined && mode === undefined) return node;
  return {
    ...node,
    uid: owner?.uid ?? node.uid,
    gid: owner?.gid ?? node.gid,
    mode: mode === undefined || node.type === "symlink" ? node.mode : mode.apply(node.mode, node.type === "dir"),
  };
}

/** @param action what a file system would have failed to do */
function notADirectory(action: "mkdir" | "lstat", path: ByteString): OcibuildError<"LAYER_COPY"> {
  return new OcibuildError("LAYER_COPY", `${action} /${textOf(path)}: not a directory`, {
    details: { path: textOf(path) },
    hint: "a file is in the way: copy to another path, or remove it in an earlier step",
  });
}

/** No file system that runs images takes longer names. */
const MAX_NAME_BYTES = 255;

/** @throws LAYER_COPY */
function assertNameLengths(path: ByteString): void {
  if (path.length <= MAX_NAME_BYTES || path.split("/").every((name) => name.length <= MAX_NAME_BYTES)) return;
  throw new OcibuildError("LAYER_COPY", `lstat /${textOf(path)}: file name too long`, {
    details: { path: textOf(path) },
    hint: `each name in a path can have at most ${MAX_NAME_BYTES} bytes`,
  });
}
