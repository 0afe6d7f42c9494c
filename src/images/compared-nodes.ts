/** Two file systems side by side: the paths at which they are not one and the same. */
import type { FsNode } from "../layers/fs/fs-node.js";
import { namesIn } from "../layers/fs/fs-tree.js";
import type { ByteString } from "../util/bytes.js";
import { canonicalJson, type JsonValue } from "../util/canonical-json.js";

export interface ComparedNode {
  readonly path: ByteString;
  readonly old: FsNode | undefined;
  readonly node: FsNode | undefined;
  /** Whether only the bytes of both files can tell if there is a difference. */
  readonly isOpen: boolean;
}

/** Of a folder that is new or gone all that is in it is named. */
export function comparedNodes(before: FsNode, after: FsNode, times: boolean): readonly ComparedNode[] {
  const found: ComparedNode[] = [];
  // A stack and no recursion: paths can be thousands of folders deep.
  const stack: { readonly path: ByteString; readonly old: FsNode | undefined; readonly node: FsNode | undefined }[] = [
    { path: "" as ByteString, old: before, node: after },
  ];
  for (let pair = stack.pop(); pair !== undefined; pair = stack.pop()) {
    const { path, old, node } = pair;
    if (old === node) continue;
    if (path !== "") {
      const difference = compare(old, node, times);
      if (difference !== "same") found.push({ path, old, node, isOpen: difference === "open" });
      // What was in a folder that is gone went with it.
      if (node === undefined) continue;
    }
    const names = new Set([...namesIn(folder(old)), ...namesIn(folder(node))]);
    for (const name of names) {
      const below = (path === "" ? name : `${path}/${name}`) as ByteString;
      stack.push({ path: below, old: folder(old)?.children?.get(name), node: folder(node)?.children?.get(name) });
    }
  }
  return found;
}

function folder(node: FsNode | undefined): FsNode | undefined {
  return node?.children === undefined ? undefined : node;
}

function compare(old: FsNode | undefined, node: FsNode | undefined, times: boolean): "same" | "open" | "different" {
  if (old === undefined || node === undefined) return "different";
  if (metadata(old, times) !== metadata(node, times)) return "different";
  if (node.meta.type !== "file" || node.meta.size === 0 || old.content === node.content) return "same";
  const [was, is] = [old.content?.knownDigest(), node.content?.knownDigest()];
  if (was === undefined || is === undefined) return "open";
  return was.equals(is) ? "same" : "different";
}

function metadata({ meta }: FsNode, times: boolean): string {
  const { type, mode, uid, gid, size, linkname, devMajor, devMinor, xattrs, mtimeSeconds } = meta;
  // The times of folders change with what is in them.
  const time = times && type !== "dir" ? mtimeSeconds : 0;
  const attributes = [...(xattrs ?? [])].map(([name, value]) => [name, value.toString("hex")]);
  const fields: JsonValue = [type, mode, uid, gid, size, linkname, devMajor, devMinor, time, attributes];
  return canonicalJson(fields);
}
