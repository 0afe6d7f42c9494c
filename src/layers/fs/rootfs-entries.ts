/** A whole file system as entries: what the `tar` and `local` outputs write. */
import type { ByteString } from "../../util/bytes.js";
import { compareBytes } from "../../util/bytes.js";
import type { LayerEntry } from "../layer-entry.js";
import { openVerified } from "../open-verified.js";
import type { FileContent, FsNode } from "./fs-node.js";
import type { FsTree } from "./fs-tree.js";
import { leafEntry, nodeEntry } from "./layer-entries.js";

/**
 * Everything below the root: parents before children, names bytewise, further names of a file as hard links, times as
 * exact as they are. Contents are checked while they are read.
 */
export function* rootfsEntries(tree: FsTree): Generator<LayerEntry> {
  const linked = new Map<FsNode, ByteString>();
  // A stack and no recursion: paths can be thousands of folders deep.
  const stack = [directoryAt("", tree.root)];
  for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
    const name = frame.names[frame.next++];
    if (name === undefined) {
      stack.pop();
      continue;
    }
    const node = frame.node.children!.get(name)!;
    const path = (frame.prefix + name) as ByteString;
    const { content, meta } = node;
    if (node.children === undefined) {
      const leaf = leafEntry(path, node, linked, meta.mtimeSeconds, meta.mtimeNanos);
      const open = leaf.open && content && (() => openVerified(content, meta.size));
      yield { entry: leaf.entry, open, onContentDigest: undefined };
    } else {
      const entry = nodeEntry(path, node, meta.mtimeSeconds, meta.mtimeNanos);
      yield { entry, open: undefined, onContentDigest: undefined };
      stack.push(directoryAt(`${path}/`, node));
    }
  }
}

interface Frame {
  /** Empty for the root, else with a final slash. */
  readonly prefix: string;
  readonly node: FsNode;
  readonly names: readonly ByteString[];
  next: number;
}

function directoryAt(prefix: string, node: FsNode): Frame {
  return { prefix, node, names: [...node.children!.keys()].sort(compareBytes), next: 0 };
}

/** The contents of all files of a tree. */
export function* contentsOf(root: FsNode): Generator<FileContent> {
  const rest = [root];
  for (let node = rest.pop(); node !== undefined; node = rest.pop()) {
    if (node.content !== undefined) yield node.content;
    if (node.children !== undefined) for (const child of node.children.values()) rest.push(child);
  }
}
