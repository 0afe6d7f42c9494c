/** The entry of a tar archive as ocibuild handles it: one flat record, independent of the header dialect it came in. */
import type { ByteString } from "../util/bytes.js";

export type EntryType = "file" | "dir" | "symlink" | "hardlink" | "char" | "block" | "fifo";

/** Extended attributes: name (for example `security.capability`) → raw value. */
export type Xattrs = ReadonlyMap<ByteString, Buffer>;

/** Everything a tar header says of one entry, except its content. @spec layer.md#file-attributes */
export interface TarEntry {
  /** Relative, `/`-separated, no leading or trailing slash, no `.` or `..`; the root directory is the empty string. */
  readonly path: ByteString;
  readonly type: EntryType;
  /** Permission bits with setuid, setgid and sticky: `0o0000`–`0o7777`. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of content; 0 for everything but files. */
  readonly size: number;
  /** Whole seconds since 1970, rounded down; negative before. */
  readonly mtimeSeconds: number;
  /** 0–999,999,999, added to `mtimeSeconds`. */
  readonly mtimeNanos: number;
  /** Target of a symlink (verbatim) or a hardlink (a path like `path`); empty otherwise. */
  readonly linkname: ByteString;
  readonly devMajor: number;
  readonly devMinor: number;
  readonly xattrs: Xattrs | undefined;
}
