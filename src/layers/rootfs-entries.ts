/** A whole file system as entries: what the `tar` and `local` outputs write. */
import type { ByteString } from "../util/bytes.js";
import { compareBytes } from "../util/bytes.js";
import type { FileContent, FsNode } from "./fs-node.js";
import type { FsTree } from "./fs-tree.js";
import { leafEntry, nodeEntry } from "./layer-entries.js";
import type { LayerEntry } from "./layer-entry.js";
import { openVerified } from "./open-verified.js";

/**
 * Everything below the root: parents before children, names bytewise, further names of a file as hard links, times as
 * exact as they are. Contents are checked while they are read.
 */
export function* rootfsEntries(tree: FsTree): Generator<LayerEntry> {
  const linked = new Map<FsNode, ByteString>();
  yield* below("", tree.root);

  function* below(prefix: string, directory: FsNode): Generator<LayerEntry> {
    for (const name of [...directory.children!.keys()].sort(compareBytes)) {
      const node = directory.children!.get(name)!;
      const path = (prefix + name) as ByteString;
      const { content, meta } = node;
      if (node.children === undefined) {
        const leaf = leafEntry(path, node, linked, meta.mtimeSeconds, meta.mtimeNanos);
        const open = leaf.open && content && (() => openVerified(content, meta.size));
        yield { entry: leaf.entry, open, onContentDigest: undefined };
      } else {
        const entry = nodeEntry(path, node, meta.mtimeSeconds, meta.mtimeNanos);
        yield { entry, open: undefined, onContentDigest: undefined };
        yield* below(`${path}/`, node);
      }
    }
  }
}

/** The contents of all files of a tree. */
export function* contentsOf(node: FsNode): Generator<FileContent> {
  if (node.content !== undefined) yield node.content;
  for (const child of node.children?.values() ?? []) yield* contentsOf(child);
}
