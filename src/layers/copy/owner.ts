/**
 * `--chown` and USER as numbers: names are looked up in the image's own /etc/passwd and /etc/group, as BuildKit does.
 */
import { OcibuildError } from "../../errors.js";
import type { FileTree } from "../../tree/file-tree.js";
import { resolveInTree } from "../../tree/resolve.js";
import { type ByteString, bytesOf, textOf } from "../../util/bytes.js";

export interface Owner {
  /** `undefined`: keep what the source has (BuildKit's reading of -1). */
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

/** Longest passwd or group file that is read. */
const MAX_FILE_BYTES = 10 << 20;
const KEEP = 0xffffffff;

/**
 * The owner that `text` (`user[:group]`, names or numbers) means in `tree`.
 *
 * A name that the image does not know means id 0 (a user) or the user's primary group (a group): BuildKit's rule, so
 * `onUnknown` is told and may warn. A number alone is the group as well; a name brings its primary group.
 * @param tree the image's file system, or `undefined` when there is none to look names up in (scratch, `--link`)
 * @throws LAYER_UNKNOWN_USER for a name without an image
 */
export function resolveOwner(text: string, tree: FileTree | undefined, onUnknown: (message: string) => void): Owner {
  const colon = text.indexOf(":");
  const user = colon === -1 ? text : text.slice(0, colon);
  const group = colon === -1 ? undefined : text.slice(colon + 1);
  let uid = parseId(user);
  let gid = uid;
  if (uid === undefined) {
    const fields = user === "" ? [] : lookUp(tree, "etc/passwd", user, text);
    if (fields === undefined) onUnknown(`user "${user}" is not in the image's /etc/passwd: its files get uid 0`);
    uid = Number(fields?.[2] ?? 0);
    gid = Number(fields?.[3] ?? 0);
  }
  if (group !== undefined) {
    const id = group === "" ? 0 : parseId(group);
    const fields = id === undefined ? lookUp(tree, "etc/group", group, text) : undefined;
    if (id !== undefined) gid = id;
    else if (fields !== undefined) gid = Number(fields[2]);
    else onUnknown(`group "${group}" is not in the image's /etc/group: its files keep gid ${gid}`);
  }
  return { uid: uid === KEEP ? undefined : uid, gid: gid === KEEP ? undefined : gid };
}

/** A decimal 32-bit number, or `root`; a negative one counts from 2^32 as in a C `uid_t`. */
function parseId(text: string): number | undefined {
  if (text === "root") return 0;
  if (!/^[+-]?[0-9]{1,11}$/.test(text)) return undefined;
  const id = Number(text);
  return id > 0x7fffffff || id < -0x80000000 ? undefined : id >>> 0;
}

/** The fields of the line for `name` in a passwd-like file of `tree`; `undefined` when there is no file or no line. */
function lookUp(tree: FileTree | undefined, file: string, name: string, owner: string): string[] | undefined {
  if (tree === undefined) {
    throw new OcibuildError(
      "LAYER_UNKNOWN_USER",
      `invalid user index: -1: "${owner}" needs an image to look up the name in`,
      {
        details: { name: owner },
        hint: "there is no /etc/passwd in scratch, and --link does not look at the base image: use numeric ids",
      },
    );
  }
  const text = readSmallFile(tree, bytesOf(file));
  for (const line of text?.split("\n") ?? []) {
    const fields = line.trim().split(":");
    if (fields[0] === name && fields.length >= 3) return fields;
  }
  return undefined;
}

/** The text of a file of `tree`, links followed; `undefined` when there is none. @throws LAYER_COPY when it is no small file */
export function readSmallFile(tree: FileTree, path: ByteString): string | undefined {
  const resolved = resolveInTree(tree, path);
  const node = tree.lstat(resolved);
  if (node === undefined) return undefined;
  if (node.type !== "file" || node.size > MAX_FILE_BYTES) {
    throw new OcibuildError(
      "LAYER_COPY",
      `expected ${tree.describe(resolved)} to be a regular file of at most 10 MiB, but got a ${node.type} of ${node.size} bytes`,
      { details: { path: textOf(resolved) } },
    );
  }
  const bytes = Buffer.alloc(node.size);
  const reader = tree.open(resolved, node);
  try {
    let at = 0;
    while (at < bytes.length) {
      const count = reader.read(bytes, at, bytes.length - at);
      if (count === 0) break;
      at += count;
    }
  } finally {
    reader.close();
  }
  return bytes.toString("utf8");
}
