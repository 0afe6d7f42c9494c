/** Two lists of a tree → what a command did to it. */
import { parentPath } from "../../tree/paths.js";
import type { ByteString } from "../../util/bytes.js";
import type { ListedFile, TreeList } from "./tree-list.js";

export interface TreeChanges {
  /** New or touched, parents first; the root is never among them. */
  readonly changed: readonly ByteString[];
  /** Gone from a directory that is still there. */
  readonly deleted: readonly ByteString[];
  /** All paths that are not as they were, those in deleted directories included. */
  readonly dirty: ReadonlySet<ByteString>;
}

const DIRECTORY = 0o040000;
const TYPE = 0o170000;

/**
 * @param stubs directories that were only made for the run: one that is as it was, with nothing new in it, is no change;
 *   any other is new
 */
export function compareTrees(before: TreeList, after: TreeList, stubs: ReadonlySet<ByteString>): TreeChanges {
  const changed = new Set<ByteString>();
  const deleted: ByteString[] = [];
  const dirty = new Set<ByteString>();
  for (const [path, file] of after) {
    const old = before.get(path);
    if (old !== undefined && isSame(old, file)) continue;
    dirty.add(path);
    if (path === "") continue;
    changed.add(path);
    for (let at = parentPath(path); stubs.has(at); at = parentPath(at)) changed.add(at);
  }
  for (const path of before.keys()) {
    if (after.has(path)) continue;
    dirty.add(path);
    if (!stubs.has(path) && isDirectory(after.get(parentPath(path)))) deleted.push(path);
  }
  for (const stub of stubs) if (changed.has(stub)) dirty.add(stub);
  return { changed: [...after.keys()].filter((path) => changed.has(path)), deleted, dirty };
}

function isSame(a: ListedFile, b: ListedFile): boolean {
  return (
    a.ctimeMs === b.ctimeMs &&
    a.ino === b.ino &&
    a.mtimeMs === b.mtimeMs &&
    a.mode === b.mode &&
    a.uid === b.uid &&
    a.gid === b.gid &&
    a.rdev === b.rdev &&
    (a.size === b.size || isDirectory(a))
  );
}

function isDirectory(file: ListedFile | undefined): boolean {
  return file !== undefined && (file.mode & TYPE) === DIRECTORY;
}
