/** A whole file system as entries: what the `tar` and `local` outputs write. */
import type { ByteString } from "../util/bytes.js";
import { compareBytes } from "../util/bytes.js";
import type { FileContent, FsNode } from "./fs-node.js";
import type { FsTree } from "./fs-tree.js";
import { leafEntry, nodeEntry } from "./layer-entries.js";
import type { LayerEntry } from "./layer-entry.js";

/** Everything below the root: parents before children, names bytewise, further names of a file as hard links. */
export function* rootfsEntries(tree: FsTree): Generator<LayerEntry> {
  const linked = new Map<FsNode, ByteString>();
  yield* below("", tree.root);

  function* below(prefix: string, directory: FsNode): Generator<LayerEntry> {
    for (const name of [...directory.children!.keys()].sort(compareBytes)) {
      const node = directory.children!.get(name)!;
      const path = (prefix + name) as ByteString;
      if (node.children === undefined) {
        yield leafEntry(path, node, linked, node.meta.mtimeSeconds);
      } else {
        yield { entry: nodeEntry(path, node, node.meta.mtimeSeconds), open: undefined, onContentDigest: undefined };
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
