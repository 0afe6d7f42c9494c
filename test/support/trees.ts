/** Ways to look at trees in tests. */
import type { FileTree, TreeNode } from "../../src/tree/file-tree.js";
import { type WalkOptions, walkTree } from "../../src/tree/walk.js";
import { type ByteString, bytesOf, textOf } from "../../src/util/bytes.js";

/** A path of test code as trees want it. */
export function p(path: string): ByteString {
  return bytesOf(path);
}

/** Every path below `start`, in the order of the walk; directories with a trailing slash. */
export function pathsIn(tree: FileTree, start = "", options: WalkOptions = {}): string[] {
  const paths: string[] = [];
  for (const { relative, node } of walkTree(tree, p(start), options)) {
    if (relative !== "") paths.push(textOf(relative) + (node.type === "dir" ? "/" : ""));
  }
  return paths;
}

/** The whole content of a file. */
export function readAll(tree: FileTree, path: string, node: TreeNode = nodeAt(tree, path)): Buffer {
  const reader = tree.open(p(path), node);
  const chunks: Buffer[] = [];
  const buffer = Buffer.alloc(7);
  try {
    for (let count = reader.read(buffer, 0, 7); count > 0; count = reader.read(buffer, 0, 7)) {
      chunks.push(Buffer.from(buffer.subarray(0, count)));
    }
  } finally {
    reader.close();
  }
  return Buffer.concat(chunks);
}

/** The node at `path`, which must be there. */
export function nodeAt(tree: FileTree, path: string): TreeNode {
  const node = tree.lstat(p(path));
  if (node === undefined) throw new Error(`no node at "${path}"`);
  return node;
}
