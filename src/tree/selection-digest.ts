/**
 * A digest over files and folders chosen from a tree: what a COPY's cache key says of its sources. Two selections have
 * the same digest exactly when they would give the same entries, times aside (threat K9: every field is length-prefixed).
 */
import { createHash, type Hash } from "node:crypto";
import { OcibuildError } from "../errors.js";
import { type ByteString, compareBytes, textOf } from "../util/bytes.js";
import type { FileTree, TreeNode } from "./file-tree.js";

/** Changes when the encoding does, so that no digest of another format is mistaken for one of this. */
const FORMAT = "ocibuild selection 1\n";

export interface SelectedNode {
  /** Name under which the node goes into the digest, usually the path below the source. */
  readonly name: ByteString;
  /** Where the node is in the tree. */
  readonly path: ByteString;
  readonly node: TreeNode;
}

export interface SelectionDigestOptions {
  /** Whether files whose digest the tree does not know are read; if not, the result is then `undefined`. */
  readonly readContent?: boolean;
}

/**
 * The sha256 over `selection` in its order: name, type, mode, owner, link target, device numbers, extended attributes,
 * content, and which names are links to one file; no times.
 * @throws CONTEXT_CHANGED, CONTEXT_UNREADABLE while files are read
 */
export function digestSelection(
  tree: FileTree,
  selection: Iterable<SelectedNode>,
  options: SelectionDigestOptions & { readonly readContent: false },
): Buffer | undefined;
export function digestSelection(tree: FileTree, selection: Iterable<SelectedNode>): Buffer;
export function digestSelection(
  tree: FileTree,
  selection: Iterable<SelectedNode>,
  options: SelectionDigestOptions = {},
): Buffer | undefined {
  const encoder = new Encoder();
  encoder.text(FORMAT as ByteString);
  const firstNames = new Map<string, number>();
  let count = 0;
  for (const { name, path, node } of selection) {
    const inode = node.type === "file" ? node.inode : undefined;
    const known = inode === undefined ? undefined : firstNames.get(inode);
    if (inode !== undefined && known === undefined) firstNames.set(inode, count);
    encoder.node(name, node, known);
    count++;
    if (node.type !== "file" || known !== undefined) continue;
    const content = tree.knownContentDigest(path, node);
    if (content !== undefined) encoder.bytes(content);
    else if (options.readContent === false) return undefined;
    else encoder.bytes(digestFile(tree, path, node));
  }
  return encoder.finish();
}

/**
 * The sha256 of the file `path`, read to its end and told to the tree.
 * @throws CONTEXT_CHANGED, CONTEXT_UNREADABLE
 */
export function digestFile(tree: FileTree, path: ByteString, node: TreeNode): Buffer {
  const hash = createHash("sha256");
  readBlock ??= Buffer.allocUnsafe(READ_BYTES);
  const reader = tree.open(path, node);
  let total = 0;
  try {
    for (let count = -1; count !== 0; total += count) {
      count = reader.read(readBlock, 0, READ_BYTES);
      hash.update(count === READ_BYTES ? readBlock : readBlock.subarray(0, count));
    }
  } finally {
    reader.close();
  }
  if (total !== node.size) {
    throw new OcibuildError(
      "CONTEXT_CHANGED",
      `expected ${node.size} bytes in ${tree.describe(path)}, but got ${total}`,
      {
        details: { path: textOf(path) },
      },
    );
  }
  const digest = hash.digest();
  tree.rememberContentDigest(path, node, digest);
  return digest;
}

const READ_BYTES = 256 * 1024;
let readBlock: Buffer | undefined;

const TYPE_CODES: Readonly<Record<TreeNode["type"], number>> = {
  file: 1,
  dir: 2,
  symlink: 3,
  fifo: 4,
  char: 5,
  block: 6,
  socket: 7,
};
const LINK_CODE = 8;

/** Collects fields in a buffer, so that a hundred small files cost one call of the hash. */
class Encoder {
  readonly #hash: Hash = createHash("sha256");
  readonly #buffer = Buffer.allocUnsafe(64 * 1024);
  #length = 0;

  finish(): Buffer {
    this.#flush();
    return this.#hash.digest();
  }

  text(value: ByteString): void {
    this.#number(value.length);
    if (value.length > this.#buffer.length - this.#length) this.#flush();
    if (value.length > this.#buffer.length) this.#hash.update(value, "latin1");
    else this.#length += this.#buffer.write(value, this.#length, "latin1");
  }

  bytes(value: Buffer): void {
    this.#number(value.length);
    if (value.length > this.#buffer.length - this.#length) this.#flush();
    if (value.length > this.#buffer.length) this.#hash.update(value);
    else this.#length += value.copy(this.#buffer, this.#length);
  }

  /**
   * The type decides which fields follow, so that each node has one encoding and no encoding is two nodes.
   * @param linkTo for a further name of a file: the number of the entry that has its content
   */
  node(name: ByteString, node: TreeNode, linkTo: number | undefined): void {
    this.text(name);
    this.#number(linkTo === undefined ? TYPE_CODES[node.type] : LINK_CODE);
    this.#number(node.mode);
    this.#number(node.uid);
    this.#number(node.gid);
    this.#number(node.xattrs?.size ?? 0);
    if (linkTo !== undefined) this.#number(linkTo);
    if (node.type === "symlink") this.text(node.linkname);
    if (node.type === "char" || node.type === "block") {
      this.#number(node.devMajor);
      this.#number(node.devMinor);
    }
    if (node.xattrs === undefined) return;
    for (const [key, value] of [...node.xattrs].sort(([a], [b]) => compareBytes(a, b))) {
      this.text(key);
      this.bytes(value);
    }
  }

  #number(value: number): void {
    if (this.#buffer.length - this.#length < 8) this.#flush();
    this.#length = this.#buffer.writeDoubleLE(value, this.#length);
  }

  #flush(): void {
    this.#hash.update(this.#buffer.subarray(0, this.#length));
    this.#length = 0;
  }
}
