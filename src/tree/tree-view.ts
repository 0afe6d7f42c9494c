/** A tree seen through another: whatever is not overridden is as it is in the tree behind. */
import type { ByteString } from "../util/bytes.js";
import type { ContentReader, FileTree, TreeNode } from "./file-tree.js";

export abstract class TreeView implements FileTree {
  /** What is looked at. */
  protected readonly tree: FileTree;

  constructor(tree: FileTree) {
    this.tree = tree;
  }

  lstat(path: ByteString): TreeNode | undefined {
    return this.tree.lstat(path);
  }

  list(path: ByteString): readonly ByteString[] {
    return this.tree.list(path);
  }

  open(path: ByteString, node: TreeNode): ContentReader {
    return this.tree.open(path, node);
  }

  knownContentDigest(path: ByteString, node: TreeNode): Buffer | undefined {
    return this.tree.knownContentDigest(path, node);
  }

  rememberContentDigest(path: ByteString, node: TreeNode, sha256: Buffer): void {
    this.tree.rememberContentDigest(path, node, sha256);
  }

  describe(path: ByteString): string {
    return this.tree.describe(path);
  }

  explainAbsence(path: ByteString): string | undefined {
    return this.tree.explainAbsence(path);
  }
}
