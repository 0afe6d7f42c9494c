/**
 * A tree with the permission bits that git would record: checkouts of one commit differ in what git does not keep (the
 * umask of who made them), and these are equal then.
 */
import type { ByteString } from "../util/bytes.js";
import type { FileTree, TreeNode } from "./file-tree.js";
import { TreeView } from "./tree-view.js";

const OWNER_EXECUTES = 0o100;

/** `tree` with 0755 for folders and for files that their owner may execute, and 0644 for all others. */
export function gitModes(tree: FileTree): FileTree {
  return new GitModes(tree);
}

class GitModes extends TreeView {
  override lstat(path: ByteString): TreeNode | undefined {
    const node = this.tree.lstat(path);
    return node && { ...node, mode: gitMode(node) };
  }
}

/** Git knows files, executable files, folders and links; what it does not know keeps its mode. */
function gitMode({ type, mode }: TreeNode): number {
  if (type === "dir") return 0o755;
  if (type === "file") return (mode & OWNER_EXECUTES) === 0 ? 0o644 : 0o755;
  return mode;
}
