/**
 * Paths below a folder in which a command has worked. It may have put a link in the place of any directory, and whoever
 * follows one leaves the folder (X1): so every directory on the way is looked at. Nothing may run there meanwhile.
 */
import { lstatSync, type Stats } from "node:fs";
import { parentPath } from "../../tree/paths.js";
import { type ByteString, fsPath } from "../../util/bytes.js";

export class RealFolder {
  readonly root: ByteString;

  constructor(root: ByteString) {
    this.root = root;
  }

  /** For `node:fs`. */
  place(path: ByteString): string | Buffer {
    return fsPath((path === "" ? this.root : `${this.root}/${path}`) as ByteString);
  }

  /** What `path` is, its last name not followed; `undefined` when it is not there, or behind a link. */
  lstat(path: ByteString): Stats | undefined {
    if (path !== "" && !this.isFolder(parentPath(path))) return undefined;
    return lstatSync(this.place(path), { throwIfNoEntry: false });
  }

  /** Whether `path` is a directory, and all on the way are. */
  isFolder(path: ByteString): boolean {
    if (path !== "" && !this.isFolder(parentPath(path))) return false;
    return lstatSync(this.place(path), { throwIfNoEntry: false })?.isDirectory() === true;
  }
}
