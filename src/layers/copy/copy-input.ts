/** A source of a COPY or ADD step: what it adds to the cache key, and what there is to copy. */
import type { StepFile } from "../../cache/step-files.js";
import type { Abortable } from "../../oci/blobs.js";
import type { TreeNode } from "../../tree/file-tree.js";
import { type ByteString, bytesOf } from "../../util/bytes.js";
import type { FileContent } from "../fs/fs-node.js";
import { emptyTree } from "../fs/fs-tree.js";
import type { DigestUse } from "../remembered-digest.js";
import type { ArchiveFiles } from "./archive-files.js";
import type { Selection } from "./copy.js";

export type CopyPart =
  | { readonly kind: "files"; readonly selection: Selection }
  | ({ readonly kind: "archive" } & ArchiveFiles);

export interface CopyInput {
  /** What the source adds to the key of the step. */
  digest(options: Abortable, use: DigestUse): Promise<string>;
  /** What the digest is of, for explaining; `undefined` for a source that is not a set of files. */
  files(): Promise<Iterable<StepFile> | undefined>;
  /** What there is to copy, in order. */
  parts(): Promise<readonly CopyPart[]>;
}

/** A selection that is one file. */
export function oneFile(name: string, node: TreeNode, content: FileContent): Selection {
  const path = bytesOf(name);
  return {
    tree: emptyTree("the Dockerfile"),
    name: path,
    nodes: [{ path, relative: "" as ByteString, node, content, isOnTheWay: false }],
  };
}
