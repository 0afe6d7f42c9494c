/** File systems and layers in the form in which cases expect them. */
import { createHash } from "node:crypto";
import { entryMeta } from "../../src/layers/fs/apply-layer.js";
import type { FsNode } from "../../src/layers/fs/fs-node.js";
import type { FsTree } from "../../src/layers/fs/fs-tree.js";
import type { IndexedEntry } from "../../src/layers/layer-index.js";
import type { Xattrs } from "../../src/tar/entry.js";
import type { TreeNode } from "../../src/tree/file-tree.js";
import { type ByteString, compareBytes, textOf } from "../../src/util/bytes.js";
import type { ExpectedEntry } from "./cases.js";

/** What `after` has more, other or less than `before`: sorted by path, times left out of the comparison. */
export function describeChanges(before: FsTree, after: FsTree): ExpectedEntry[] {
  const linksBefore = linkGroups(before.root);
  const linksAfter = linkGroups(after.root);
  const changes: ExpectedEntry[] = [];
  compare("", before.root, after.root);
  return changes;

  function compare(prefix: string, lower: FsNode | undefined, upper: FsNode): void {
    if (lower === upper) return;
    const names = new Set([...(lower?.children?.keys() ?? []), ...(upper.children?.keys() ?? [])]);
    for (const name of [...names].sort(compareBytes)) {
      const path = (prefix + name) as ByteString;
      const old = lower?.children?.get(name);
      const now = upper.children?.get(name);
      if (now === undefined) {
        changes.push({ path: textOf(path), removed: true });
        continue;
      }
      if (old === now) continue;
      const entry = describeNode(path, now, linksAfter);
      if (old === undefined || !isSame(describeNode(path, old, linksBefore), entry)) changes.push(entry);
      if (now.children !== undefined) compare(`${path}/`, old?.children === undefined ? undefined : old, now);
    }
  }
}

/** The entries of a layer, whiteouts as they stand in it, sorted by path. */
export function describeLayer(entries: readonly IndexedEntry[]): ExpectedEntry[] {
  const described = entries
    .filter((entry) => entry.path !== "")
    .map((entry): ExpectedEntry => {
      if (entry.type === "hardlink") {
        return { path: textOf(entry.path), type: "hardlink", linkname: textOf(entry.linkname) };
      }
      return describe(entry.path, entryMeta(entry), entry.type === "file" ? hexOf(entry) : undefined);
    });
  return described.sort((a, b) => compareBytes(a.path, b.path));
}

function hexOf({ size, contentDigest }: IndexedEntry): string | undefined {
  return size === 0 ? createHash("sha256").digest("hex") : contentDigest?.toString("hex");
}

function describeNode(path: ByteString, node: FsNode, links: ReadonlyMap<FsNode, readonly string[]>): ExpectedEntry {
  const sha256 = node.content === undefined ? undefined : digestOf(node);
  const group = links.get(node);
  const entry = describe(path, node.meta, node.meta.type === "file" ? (sha256 ?? emptyDigest()) : undefined);
  return group === undefined || group.length < 2 ? entry : { ...entry, links: group };
}

function describe(path: ByteString, meta: TreeNode, sha256: string | undefined): ExpectedEntry {
  const { type, mode, uid, gid, size, mtimeSeconds, linkname, devMajor, devMinor, xattrs } = meta;
  return {
    path: textOf(path),
    type,
    ...(type === "symlink" ? {} : { mode: mode.toString(8).padStart(4, "0") }),
    uid,
    gid,
    ...(type === "file" ? { size } : {}),
    ...(sha256 === undefined ? {} : { sha256 }),
    ...(type === "symlink" ? { linkname: textOf(linkname) } : {}),
    ...(type === "char" || type === "block" ? { devmajor: devMajor, devminor: devMinor } : {}),
    ...(xattrs === undefined || xattrs.size === 0 ? {} : { xattrs: describeXattrs(xattrs) }),
    mtime: new Date(mtimeSeconds * 1000).toISOString().replace(".000Z", "Z"),
  };
}

function describeXattrs(xattrs: Xattrs): Record<string, string> {
  return Object.fromEntries([...xattrs].map(([name, value]) => [textOf(name), value.toString("base64")]));
}

function isSame(a: ExpectedEntry, b: ExpectedEntry): boolean {
  return JSON.stringify({ ...a, mtime: "" }) === JSON.stringify({ ...b, mtime: "" });
}

function linkGroups(root: FsNode): Map<FsNode, string[]> {
  const groups = new Map<FsNode, string[]>();
  walk("", root);
  for (const group of groups.values()) group.sort(compareBytes);
  return groups;

  function walk(prefix: string, directory: FsNode): void {
    for (const [name, node] of directory.children!) {
      const path = (prefix + name) as ByteString;
      if (node.children !== undefined) walk(`${path}/`, node);
      else if (node.meta.inode !== undefined) groups.set(node, [...(groups.get(node) ?? []), textOf(path)]);
    }
  }
}

function digestOf(node: FsNode): string {
  const known = node.content!.knownDigest();
  if (known !== undefined) return known.toString("hex");
  const hash = createHash("sha256");
  const reader = node.content!.open();
  const buffer = Buffer.alloc(65_536);
  for (let count = reader.read(buffer, 0, buffer.length); count > 0; count = reader.read(buffer, 0, buffer.length)) {
    hash.update(buffer.subarray(0, count));
  }
  reader.close();
  return hash.digest("hex");
}

function emptyDigest(): string {
  return createHash("sha256").digest("hex");
}
