/** File-system values as plain data that can be compared, and random changes to them. */
import fc from "fast-check";
import { applyLayer } from "../../src/layers/fs/apply-layer.js";
import type { FsEdit } from "../../src/layers/fs/fs-edit.js";
import {
  bytesContent,
  directoryMeta,
  type FileContent,
  type FsNode,
  fileMeta,
  newInode,
} from "../../src/layers/fs/fs-node.js";
import type { FsTree } from "../../src/layers/fs/fs-tree.js";
import { layerEntriesOf } from "../../src/layers/fs/layer-entries.js";
import type { IndexedTar } from "../../src/layers/layer-index.js";
import { indexTar } from "../../src/layers/layer-index.js";
import { writeLayer } from "../../src/layers/seal/write-layer.js";
import type { TreeNode } from "../../src/tree/file-tree.js";
import { joinPath, parentPath } from "../../src/tree/paths.js";
import type { ByteString } from "../../src/util/bytes.js";

/** What is at a path: everything a layer can say of it. */
export type ModelNode = Readonly<Record<string, unknown>>;

/** The nodes below `root` by path; names of one file say which of them comes first. */
export function modelOf(root: FsNode): ReadonlyMap<string, ModelNode> {
  const model = new Map<string, ModelNode>();
  const first = new Map<FsNode, string>();
  const visit = (path: string, node: FsNode): void => {
    const { meta, content } = node;
    if (path !== "") {
      const known = node.children === undefined ? first.get(node) : undefined;
      if (known === undefined) first.set(node, path);
      model.set(path, {
        type: meta.type,
        mode: meta.mode,
        owner: `${meta.uid}:${meta.gid}`,
        time: meta.mtimeSeconds,
        link: meta.linkname,
        device: `${meta.devMajor}:${meta.devMinor}`,
        capability: meta.xattrs?.get("security.capability" as ByteString)?.toString("hex") ?? "",
        content: content === undefined ? "" : readContent(content, meta.size).toString("latin1"),
        ...(known === undefined ? {} : { sameAs: known }),
      });
    }
    for (const name of [...(node.children?.keys() ?? [])].sort()) {
      visit(path === "" ? name : `${path}/${name}`, node.children!.get(name)!);
    }
  };
  visit("", root);
  return model;
}

/** The bytes of a file. */
export function readContent(content: FileContent, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  const reader = content.open();
  for (let at = 0; at < size; ) {
    const count = reader.read(bytes, at, size - at);
    if (count === 0) break;
    at += count;
  }
  reader.close();
  return bytes;
}

/** The layer that an edit makes, as its tar. */
export async function layerTarOf(edit: FsEdit): Promise<Buffer> {
  const chunks: Buffer[] = [];
  await writeLayer(
    layerEntriesOf(edit, (seconds) => seconds),
    {
      compression: { kind: "uncompressed" },
      tarSink: { write: (chunk) => chunks.push(Buffer.from(chunk)) },
    },
  );
  return Buffer.concat(chunks);
}

/** `base` with the layer that `tar` is. */
export async function withLayer(base: FsTree, tar: Buffer): Promise<FsTree> {
  const indexed: IndexedTar = await indexTar([tar], { contentDigests: true });
  return applyLayer(base, indexed.entries, ({ dataOffset, size, contentDigest }) =>
    bytesContent(tar.subarray(dataOffset, dataOffset + size), contentDigest),
  );
}

/** A change to a file system. Changes that are not possible do nothing. */
export type Change =
  | { readonly do: "put"; readonly path: string; readonly meta: ArbitraryMeta; readonly content: string }
  | { readonly do: "symlink"; readonly path: string; readonly meta: ArbitraryMeta; readonly target: string }
  | { readonly do: "special"; readonly path: string; readonly meta: ArbitraryMeta; readonly type: "fifo" | "char" }
  | { readonly do: "mkdir"; readonly path: string; readonly meta: ArbitraryMeta }
  | { readonly do: "remove"; readonly path: string }
  | { readonly do: "link"; readonly path: string; readonly target: string };

interface ArbitraryMeta {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeSeconds: number;
  readonly capability: boolean;
}

const name = fc.constantFrom("a", "b", "c", "d.e", "\xff");
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join("/"));
const meta: fc.Arbitrary<ArbitraryMeta> = fc.record({
  mode: fc.constantFrom(0o644, 0o755, 0o4711, 0),
  uid: fc.constantFrom(0, 1000, 4_000_000_000),
  gid: fc.constantFrom(0, 7),
  mtimeSeconds: fc.constantFrom(0, -1, 1_700_000_000, 2 ** 33),
  capability: fc.boolean(),
});

/** Random changes over few names, so that they meet one another. */
export const arbitraryChanges: fc.Arbitrary<readonly Change[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant("put"), path, meta, content: fc.string({ maxLength: 3 }) }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant("symlink"), path, meta, target: fc.constantFrom("a", "../b", "/c") }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant("special"), path, meta, type: fc.constantFrom("fifo", "char") }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("mkdir"), path, meta }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("remove"), path }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("link"), path, target: path }) },
  ) as fc.Arbitrary<Change>,
  { maxLength: 14 },
);

/** Makes the changes. */
export function change(edit: FsEdit, changes: readonly Change[]): void {
  for (const step of changes) changeOnce(edit, step);
}

function changeOnce(edit: FsEdit, step: Change): void {
  const at = step.path as ByteString;
  if (step.do === "remove") {
    edit.remove(at);
    return;
  }
  if (!makeParents(edit, parentPath(at))) return;
  switch (step.do) {
    case "put": {
      const bytes = Buffer.from(step.content, "utf8");
      edit.put(at, nodeOf(step.meta, { type: "file", size: bytes.length }), bytesContent(bytes));
      return;
    }
    case "symlink":
      edit.put(at, nodeOf(step.meta, { type: "symlink", linkname: step.target as ByteString }), undefined);
      return;
    case "special": {
      const device = step.type === "char" ? { devMajor: 1, devMinor: 300 } : {};
      edit.put(at, nodeOf(step.meta, { type: step.type, ...device }), undefined);
      return;
    }
    case "mkdir":
      edit.putDirectory(at, nodeOf(step.meta, { type: "dir" }));
      return;
    case "link": {
      const target = step.target as ByteString;
      const node = edit.find(target);
      if (node === undefined || node.children !== undefined || target === at) return;
      if (edit.find(at)?.children !== undefined && target.startsWith(`${at}/`)) return;
      const isOurs = node.edition === edit.edition && node.meta.inode !== undefined;
      edit.link(at, isOurs ? node : edit.put(target, { ...node.meta, inode: newInode() }, node.content));
      return;
    }
    default:
      step satisfies never;
  }
}

function makeParents(edit: FsEdit, parent: ByteString): boolean {
  if (parent === "") return true;
  let made = "" as ByteString;
  for (const part of parent.split("/")) {
    made = joinPath(made, part as ByteString);
    const type = edit.lstat(made)?.type;
    if (type === undefined) edit.putDirectory(made, directoryMeta(0o755, 0, 0, 5));
    else if (type !== "dir") return false;
  }
  return true;
}

function nodeOf({ capability, ...numbers }: ArbitraryMeta, fields: Partial<TreeNode>): TreeNode {
  const xattrs =
    capability && fields.type === "file"
      ? new Map([["security.capability" as ByteString, Buffer.from([1, 0, 255])]])
      : undefined;
  return { ...fileMeta(0o644, 0, 0, 0, 0), ...numbers, ...fields, xattrs };
}
