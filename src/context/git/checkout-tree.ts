/** Checked-out files with the modes that git gives them under umask 022, whatever the umask and the system are here. */
import type { FileTree, TreeNode } from "../../tree/file-tree.js";
import { TreeView } from "../../tree/tree-view.js";
import type { ByteString } from "../../util/bytes.js";

/** `tree` with modes as they are in every checkout. */
export function checkoutTree(tree: FileTree): FileTree {
  return new CheckoutTree(tree);
}

class CheckoutTree extends TreeView {
  override lstat(path: ByteString): TreeNode | undefined {
    const node = this.tree.lstat(path);
    return node && { ...node, mode: modeOf(node) };
  }
}

/** What the owner may do, others may as well, but not write: objects below `.git` are read-only. */
function modeOf({ type, mode }: TreeNode): number {
  if (type === "symlink") return mode;
  if (type === "dir") return 0o755;
  const executable = (mode & 0o100) === 0 ? 0o644 : 0o755;
  return (mode & 0o200) === 0 ? executable & ~0o222 : executable;
}
