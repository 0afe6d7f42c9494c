/**
 * Writes entries as files below a folder, never through a link: a symlink that lies in the way, in the destination or
 * from an earlier entry, is replaced and not followed (threats U2, U3, U4, U15).
 */
import {
  closeSync,
  constants,
  fchmodSync,
  futimesSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readlinkSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { sep } from "node:path";
import type { LayerEntry } from "../layers/layer-entry.js";
import type { TarEntry } from "../tar/entry.js";
import { type ByteString, bytesOf, fsPath, textOf } from "../util/bytes.js";
import { FolderHandles } from "./folder-handles.js";
import { invalidOutput } from "./output-file.js";

const BUFFER_BYTES = 1024 * 1024;
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0);

/** What the exporter runs as: setuid and setgid bits stay only where the owner does. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

export class FolderWriter implements Disposable {
  readonly #handles: FolderHandles;
  /** For the targets of hard links, which are elsewhere. */
  readonly #targets: FolderHandles;
  readonly #rootName: string;
  readonly #identity: Identity;
  readonly #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  /** Directories below the root that are known to be directories, not links. */
  readonly #folders = new Set<ByteString>([ROOT]);
  /** Directories in the order they came, to get modes and times when nothing is written into them any more. */
  readonly #pending: TarEntry[] = [];
  /** Files written, by path without case and composition: two names that this file system takes for one. */
  readonly #written = new Map<string, ByteString>();
  readonly #specials: ByteString[] = [];
  readonly #withXattrs: ByteString[] = [];

  /**
   * `root` must be an existing directory; it is the user's choice and may itself be reached through links. Messages
   * call it `rootName`.
   */
  constructor(
    root: string,
    rootName: string = root,
    identity: Identity = { uid: process.getuid?.() ?? -1, gid: process.getgid?.() ?? -1 },
  ) {
    this.#handles = new FolderHandles(bytesOf(root));
    this.#targets = new FolderHandles(bytesOf(root));
    this.#rootName = rootName;
    this.#identity = identity;
  }

  /**
   * Writes one entry; its content is read to the end. Parents that had no entry are made with mode 0755.
   * @throws OUTPUT_INVALID, and errors of the file system as they are
   */
  write({ entry, open }: LayerEntry): void {
    this.#assertName(entry.path);
    if (entry.xattrs !== undefined && entry.xattrs.size > 0) this.#withXattrs.push(entry.path);
    this.#ensureFolder(parentOf(entry.path));
    switch (entry.type) {
      case "dir":
        this.#folder(entry.path);
        this.#pending.push(entry);
        return;
      case "file":
        this.#file(entry, open);
        return;
      case "symlink":
        this.#create(entry.path, (path) => symlinkSync(fsPath(entry.linkname), path));
        this.#symlinkTimes(entry);
        return;
      case "hardlink":
        this.#assertName(entry.linkname);
        if (this.#written.get(folded(entry.linkname)) !== entry.linkname) {
          throw this.#invalid(
            entry.path,
            `hard link "${textOf(entry.path)}" names "${textOf(entry.linkname)}", which is no file before it`,
          );
        }
        this.#link(entry);
        return;
      case "char":
      case "block":
      case "fifo":
        this.#specials.push(entry.path);
        return;
      default:
        entry.type satisfies never;
    }
  }

  /** Sets modes and times of directories; returns what was not kept, as sentences. */
  finish(): readonly string[] {
    for (const entry of this.#pending.reverse()) {
      const fd = this.#handles.openFolder(entry.path);
      try {
        const { seconds } = timeOf(entry);
        futimesSync(fd, seconds, seconds);
        fchmodSync(fd, entry.mode);
      } finally {
        closeSync(fd);
      }
    }
    const warnings: string[] = [];
    const add = (paths: readonly ByteString[], what: string): void => {
      if (paths.length > 0) warnings.push(`${paths.length} ${what} "${this.#rootName}": ${firstOf(paths)}`);
    };
    add(this.#specials, "devices and FIFOs were left out of");
    add(this.#withXattrs, "files lost their extended attributes in");
    return warnings;
  }

  [Symbol.dispose](): void {
    this.#handles[Symbol.dispose]();
    this.#targets[Symbol.dispose]();
  }

  #file(entry: TarEntry, open: LayerEntry["open"]): void {
    const fd = this.#create(entry.path, (path) => openSync(path, CREATE, 0o600));
    try {
      if (entry.size > 0 && open !== undefined) this.#copy(entry, open, fd);
      fchmodSync(fd, this.#keptMode(entry));
      const { seconds } = timeOf(entry);
      futimesSync(fd, seconds, seconds);
    } finally {
      closeSync(fd);
    }
  }

  #link(entry: TarEntry): void {
    const target = this.#targets.at(entry.linkname);
    // Some systems follow a symlink here and would make a second name for what it points to.
    if (lstatSync(target).isSymbolicLink()) {
      const text = readlinkSync(target, { encoding: "buffer" });
      this.#create(entry.path, (path) => symlinkSync(text, path));
    } else {
      this.#create(entry.path, (path) => linkSync(target, path));
    }
  }

  #copy(entry: TarEntry, open: NonNullable<LayerEntry["open"]>, fd: number): void {
    const reader = open();
    try {
      for (let left = entry.size; left > 0; ) {
        const read = reader.read(this.#buffer, 0, Math.min(left, BUFFER_BYTES));
        if (read === 0) throw new Error(`"${textOf(entry.path)}" is shorter than its entry says`);
        for (let done = 0; done < read; ) done += writeSync(fd, this.#buffer, done, read - done);
        left -= read;
      }
    } finally {
      reader.close();
    }
  }

  /** Runs `make`, which fails when something is there; what may be replaced is removed and `make` run again. */
  #create<T>(path: ByteString, make: (path: string | Buffer) => T): T {
    const target = this.#handles.at(path);
    let made: T;
    try {
      made = make(target);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      this.#assertNoTwin(path);
      if (lstatSync(target).isDirectory()) {
        throw this.#invalid(path, `a folder is in the way of the file "${textOf(path)}" in "${this.#rootName}"`);
      }
      unlinkSync(target);
      made = make(target);
    }
    this.#written.set(folded(path), path);
    return made;
  }

  #folder(path: ByteString): void {
    if (this.#folders.has(path)) return;
    const target = this.#handles.at(path);
    try {
      mkdirSync(target, 0o700);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      this.#assertNoTwin(path);
      if (!lstatSync(target).isDirectory()) {
        unlinkSync(target);
        mkdirSync(target, 0o700);
      }
    }
    this.#folders.add(path);
    this.#written.set(folded(path), path);
  }

  #ensureFolder(path: ByteString): void {
    if (this.#folders.has(path)) return;
    this.#ensureFolder(parentOf(path));
    this.#folder(path);
    const fd = this.#handles.openFolder(path);
    fchmodSync(fd, 0o755);
    closeSync(fd);
  }

  #symlinkTimes(entry: TarEntry): void {
    try {
      const { seconds } = timeOf(entry);
      lutimesSync(this.#handles.at(entry.path), seconds, seconds);
    } catch {
      // Some file systems keep no times of links; nothing depends on them.
    }
  }

  #keptMode({ mode, uid, gid }: TarEntry): number {
    const lost = (uid === this.#identity.uid ? 0 : 0o4000) | (gid === this.#identity.gid ? 0 : 0o2000);
    return mode & 0o7777 & ~lost;
  }

  #assertName(path: ByteString): void {
    if (UNSAFE.test(path) || (sep === "\\" && UNSAFE_ON_WINDOWS.test(path))) {
      throw this.#invalid(path, `"${textOf(path)}" cannot be a path in the folder "${this.#rootName}"`);
    }
  }

  /** On a file system that folds names, `A` and `a` of an image would silently become one. */
  #assertNoTwin(path: ByteString): void {
    const twin = this.#written.get(folded(path));
    if (twin !== undefined) {
      throw this.#invalid(
        path,
        `"${textOf(twin)}" and "${textOf(path)}" are one name on the file system of "${this.#rootName}"`,
      );
    }
  }

  #invalid(path: ByteString, message: string): Error {
    return invalidOutput(`${this.#rootName}/${textOf(path)}`, message);
  }
}

const ROOT = "" as ByteString;
/** Empty, `.` and `..` components, and NUL. */
const UNSAFE = /(?:^|\/)\.{0,2}(?:\/|$)|\0/;
const UNSAFE_ON_WINDOWS = /[\\:*?"<>|\x01-\x1f]|[. ](?:\/|$)/;
const NON_ASCII = /[^\x00-\x7f]/;

const SHOWN_PATHS = 3;

function firstOf(paths: readonly ByteString[]): string {
  const shown = paths.slice(0, SHOWN_PATHS).map((path) => `"${textOf(path)}"`);
  return `${shown.join(", ")}${paths.length > SHOWN_PATHS ? ", …" : ""}`;
}

function parentOf(path: ByteString): ByteString {
  return path.slice(0, Math.max(0, path.lastIndexOf("/"))) as ByteString;
}

function folded(path: ByteString): string {
  return NON_ASCII.test(path) ? textOf(path).normalize("NFD").toLowerCase() : path.toLowerCase();
}

/** Node takes a negative number for "now", but not a negative number in a string. */
function timeOf({ mtimeSeconds, mtimeNanos }: TarEntry): { readonly seconds: number | string } {
  const seconds = mtimeSeconds + mtimeNanos / 1e9;
  return { seconds: seconds < 0 ? String(seconds) : seconds };
}
