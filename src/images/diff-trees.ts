/** What is different between two file systems, in docker's words. */
import { createHash } from "node:crypto";
import type { FileContent, FsNode } from "../layers/fs/fs-node.js";
import type { FsTree } from "../layers/fs/fs-tree.js";
import type { LayerStore } from "../layers/layer-store.js";
import { openVerified } from "../layers/open-verified.js";
import type { Abortable } from "../oci/blobs.js";
import { type ByteString, textOf } from "../util/bytes.js";
import { comparedNodes } from "./compared-nodes.js";

/** `A`: added, `C`: changed, `D`: deleted. */
export type ChangeKind = "A" | "C" | "D";

export interface Change {
  readonly kind: ChangeKind;
  /** Absolute. */
  readonly path: string;
}

export interface DiffOptions extends Abortable {
  /** Whether a file that has only another time counts as changed. */
  readonly times: boolean;
}

/** Sorted by path; a folder in which something is different counts as changed, too. */
export async function diffTrees(
  layers: LayerStore,
  before: FsTree,
  after: FsTree,
  { times, ...options }: DiffOptions,
): Promise<readonly Change[]> {
  const pairs = comparedNodes(before.root, after.root, times);
  const unknown = pairs.flatMap(({ old, node, isOpen }) => (isOpen ? [old?.content, node?.content] : []));
  await layers.prepareContents(unknown, options);
  const kinds = new Map<ByteString, ChangeKind>();
  for (const { path, old, node, isOpen } of pairs) {
    options.signal?.throwIfAborted();
    if (isOpen && sameContent(old!, node!)) continue;
    kinds.set(path, old === undefined ? "A" : node === undefined ? "D" : "C");
  }
  for (const path of [...kinds.keys()]) {
    for (let parent = parentOf(path); parent !== "" && !kinds.has(parent); parent = parentOf(parent)) {
      kinds.set(parent, "C");
    }
  }
  const changes = [...kinds].map(([path, kind]) => ({ kind, path: `/${textOf(path)}` }));
  return changes.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

function parentOf(path: ByteString): ByteString {
  const slash = path.lastIndexOf("/");
  return (slash === -1 ? "" : path.slice(0, slash)) as ByteString;
}

function sameContent(old: FsNode, node: FsNode): boolean {
  if (old.content === undefined || node.content === undefined) return old.content === node.content;
  return digestOf(old.content, old.meta.size).equals(digestOf(node.content, node.meta.size));
}

const READ_BYTES = 1 << 20;

function digestOf(content: FileContent, size: number): Buffer {
  const known = content.knownDigest();
  if (known !== undefined) return known;
  const hash = createHash("sha256");
  const block = Buffer.allocUnsafe(Math.min(READ_BYTES, Math.max(1, size)));
  const reader = openVerified(content, size);
  try {
    for (let count = reader.read(block, 0, block.length); count > 0; count = reader.read(block, 0, block.length)) {
      hash.update(block.subarray(0, count));
    }
  } finally {
    reader.close();
  }
  return hash.digest();
}
