/** A stack of layers as a file system to look things up in, however it is kept. */
import type { TarEntry, Xattrs } from "../../tar/entry.js";
import type { ByteString } from "../../util/bytes.js";

export type LowerFile =
  | ({ readonly type: "dir"; readonly xattrs?: Xattrs } & Pick<TarEntry, "mode" | "uid" | "gid" | "mtimeSeconds">)
  | { readonly type: "symlink"; readonly linkname: ByteString }
  | { readonly type: "file" };

export interface LowerFiles {
  /** What `path` (no leading slash, the root is empty) is; its parents must not be symlinks. */
  lookUp(path: ByteString): LowerFile | undefined;
}

const MAX_LINKS = 40;

/**
 * `path` without symlinks on the way or at its end, followed inside the root; no leading slash. What comes after a missing
 * part is taken as it is written. `undefined` for endless links.
 */
export function resolveLinks(files: LowerFiles, path: ByteString): ByteString | undefined {
  const todo = path.split("/").reverse();
  let links = 0;
  let at = "" as ByteString;
  while (todo.length > 0) {
    const name = todo.pop()!;
    if (name === "" || name === ".") continue;
    if (name === "..") {
      at = at.slice(0, Math.max(0, at.lastIndexOf("/"))) as ByteString;
      continue;
    }
    const next = (at === "" ? name : `${at}/${name}`) as ByteString;
    const found = files.lookUp(next);
    if (found?.type !== "symlink") {
      at = next;
      continue;
    }
    if (++links > MAX_LINKS) return undefined;
    if (found.linkname.startsWith("/")) at = "" as ByteString;
    todo.push(...found.linkname.split("/").reverse());
  }
  return at;
}
