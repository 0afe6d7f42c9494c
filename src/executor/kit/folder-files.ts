/**
 * Writes files as tar entries say, by the calls that Node has: much faster than through a program. What Node has no call
 * for is not taken: attributes, fractions of a second, special files, other owners inside a user namespace.
 *
 * Only for a tar that can be unpacked by anybody (see `LayerRewrite`), into a folder that nobody else writes to.
 */
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  futimesSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { TarEntry } from "../../tar/entry.js";
import { type ByteString, bytesOf, fsPath } from "../../util/bytes.js";

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
/** The system takes 4,095. */
const MAX_PATH_BYTES = 4000;

export class FolderFiles {
  readonly #folder: ByteString;
  readonly #isRoot: boolean;
  /** What a new file of mode 0777 gets here: the umask shows in it, and whose it is. */
  readonly #usual: { readonly mode: number; readonly uid: number; readonly gid: number };
  readonly #isOurs: boolean;
  /** The file that is being written, and its descriptor. */
  #open: { readonly entry: TarEntry; readonly fd: number } | undefined;

  /** `folder` is empty. */
  constructor(folder: string) {
    this.#folder = bytesOf(folder);
    this.#isRoot = process.geteuid!() === 0;
    this.#usual = probe(join(folder, "probe"));
    this.#isOurs = this.#usual.uid === process.geteuid!() && this.#usual.gid === process.getegid!();
  }

  /** Whether the system takes a path of that length from us. */
  hasRoom(path: ByteString): boolean {
    return this.#folder.length + path.length <= MAX_PATH_BYTES;
  }

  /** Whether nothing of `entry` would be lost. */
  takes(entry: TarEntry): boolean {
    const { type, path, uid, gid, mtimeSeconds, mtimeNanos, xattrs } = entry;
    if (!this.hasRoom(path)) return false;
    if (type === "hardlink") return true;
    if (type !== "file" && type !== "dir" && type !== "symlink") return false;
    if (!this.#isRoot && (!this.#isOurs || uid !== 0 || gid !== 0)) return false;
    // Node takes a negative time for "now".
    return mtimeNanos === 0 && mtimeSeconds >= 0 && xattrs === undefined;
  }

  /** Makes the folder `path`, so that files can be written into it; the rest comes with `settleFolder`. */
  makeFolder(path: ByteString): void {
    if (path === "") return;
    try {
      mkdirSync(this.#place(path), 0o700);
    } catch (error) {
      if (!isInTheWay(error)) throw error;
      if (!lstatSync(this.#place(path)).isDirectory()) this.#make(path, (place) => mkdirSync(place, 0o700));
    }
  }

  /** Writes an entry that `takes` has taken, or a file's beginning. */
  write(entry: TarEntry): void {
    const { path, type, linkname } = entry;
    if (type === "hardlink") {
      const target = this.#place(linkname);
      this.#make(path, (place) => linkSync(target, place));
      return;
    }
    if (type === "symlink") {
      this.#make(path, (place) => symlinkSync(fsPath(linkname), place));
      const place = this.#place(path);
      if (this.#isForeign(entry)) lchownSync(place, entry.uid, entry.gid);
      lutimesSync(place, entry.mtimeSeconds, entry.mtimeSeconds);
      return;
    }
    const fd = this.#make(path, (place) => openSync(place, CREATE, entry.mode & 0o777));
    this.#open = { entry, fd };
    if (entry.size === 0) this.end();
  }

  /** The next bytes of the file. */
  data(chunk: Buffer): void {
    const { fd } = this.#open!;
    for (let done = 0; done < chunk.length; ) done += writeSync(fd, chunk, done, chunk.length - done);
  }

  /** The file is complete. */
  end(): void {
    if (this.#open === undefined) return;
    const { entry, fd } = this.#open;
    const { mode, mtimeSeconds } = entry;
    if (this.#isForeign(entry)) fchownSync(fd, entry.uid, entry.gid);
    // A file has the bits that the umask leaves, and a new owner takes setuid away.
    if ((mode & ~this.#usual.mode) !== 0) fchmodSync(fd, mode);
    futimesSync(fd, mtimeSeconds, mtimeSeconds);
    this.close();
  }

  /** Gives a folder its owner, mode and time, once nothing is written into it any more; those in it first. */
  settleFolder(entry: TarEntry): void {
    const place = this.#place(entry.path);
    if (this.#isForeign(entry)) chownSync(place, entry.uid, entry.gid);
    chmodSync(place, entry.mode);
    utimesSync(place, entry.mtimeSeconds, entry.mtimeSeconds);
  }

  /** Leaves a file that is not complete. */
  close(): void {
    if (this.#open === undefined) return;
    const { fd } = this.#open;
    this.#open = undefined;
    closeSync(fd);
  }

  #place(path: ByteString): string | Buffer {
    return fsPath((path === "" ? this.#folder : `${this.#folder}/${path}`) as ByteString);
  }

  #isForeign({ uid, gid }: TarEntry): boolean {
    return this.#isRoot && (uid !== this.#usual.uid || gid !== this.#usual.gid);
  }

  /** Runs `make`; what the archive said before of the same path goes. */
  #make<T>(path: ByteString, make: (place: string | Buffer) => T): T {
    const place = this.#place(path);
    try {
      return make(place);
    } catch (error) {
      if (!isInTheWay(error)) throw error;
      rmSync(place, { recursive: true });
      return make(place);
    }
  }
}

function isInTheWay(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "EEXIST";
}

function probe(path: string): { readonly mode: number; readonly uid: number; readonly gid: number } {
  const fd = openSync(path, CREATE, 0o777);
  try {
    const { mode, uid, gid } = fstatSync(fd);
    return { mode: mode & 0o7777, uid, gid };
  } finally {
    closeSync(fd);
    unlinkSync(path);
  }
}
