/** Reads a whole file of a tree that has to be small: a Dockerfile, an ignore file. */
import { OcibuildError } from "../errors.js";
import type { FileTree, TreeNode } from "../tree/file-tree.js";
import type { ByteString } from "../util/bytes.js";

/**
 * The content of the file `path`.
 * @throws LIMIT_EXCEEDED when it is larger than `limitBytes`; CONTEXT_UNREADABLE, CONTEXT_CHANGED
 */
export function readSmallFile(tree: FileTree, path: ByteString, node: TreeNode, limitBytes: number): Buffer {
  if (node.size > limitBytes) {
    throw new OcibuildError(
      "LIMIT_EXCEEDED",
      `expected ${tree.describe(path)} to have at most ${limitBytes} bytes, but got ${node.size}`,
      { details: { limit: "fileBytes", value: limitBytes } },
    );
  }
  const bytes = Buffer.alloc(node.size);
  const reader = tree.open(path, node);
  try {
    for (let at = 0, count = -1; count !== 0 && at < bytes.length; at += count) {
      count = reader.read(bytes, at, bytes.length - at);
    }
  } finally {
    reader.close();
  }
  return bytes;
}
