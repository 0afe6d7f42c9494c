/** Checked-out files with the modes that git gives them under umask 022, whatever the umask and the system are here. */
import type { ContentReader, FileTree, TreeNode } from "../../tree/file-tree.js";
import type { ByteString } from "../../util/bytes.js";

/** `tree` with modes as they are in every checkout. */
export function checkoutTree(tree: FileTree): FileTree {
  return new CheckoutTree(tree);
}

class CheckoutTree implements FileTree {
  readonly #tree: FileTree;

  constructor(tree: FileTree) {
    this.#tree = tree;
  }

  lstat(path: ByteString): TreeNode | undefined {
    const node = this.#tree.lstat(path);
    return node && { ...node, mode: modeOf(node) };
  }

  list(path: ByteString): readonly ByteString[] {
    return this.#tree.list(path);
  }

  open(path: ByteString, node: TreeNode): ContentReader {
    return this.#tree.open(path, node);
  }

  knownContentDigest(path: ByteString, node: TreeNode): Buffer | undefined {
    return this.#tree.knownContentDigest(path, node);
  }

  rememberContentDigest(path: ByteString, node: TreeNode, sha256: Buffer): void {
    this.#tree.rememberContentDigest(path, node, sha256);
  }

  describe(path: ByteString): string {
    return this.#tree.describe(path);
  }

  explainAbsence(path: ByteString): string | undefined {
    return this.#tree.explainAbsence(path);
  }
}

/** What the owner may do, others may as well, but not write: objects below `.git` are read-only. */
function modeOf({ type, mode }: TreeNode): number {
  if (type === "symlink") return mode;
  if (type === "dir") return 0o755;
  const executable = (mode & 0o100) === 0 ? 0o644 : 0o755;
  return (mode & 0o200) === 0 ? executable & ~0o222 : executable;
}
