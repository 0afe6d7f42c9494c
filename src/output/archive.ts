/** The tar that image archives are: a few members, fixed metadata, large chunks. Equal content gives equal bytes. */
import type { TarEntry } from "../tar/entry.js";
import { encodeHeader, headerSizeBound, paddingOf } from "../tar/header.js";
import { type ByteString, bytesOf } from "../util/bytes.js";

export interface ArchiveMember {
  readonly entry: TarEntry;
  /** `entry.size` bytes; nothing for directories. */
  readonly content: AsyncIterable<Buffer> | Iterable<Buffer>;
}

/** A directory of the archive. `path` without a trailing slash. */
export function folderMember(path: string): ArchiveMember {
  return { entry: { ...FIXED, path: bytesOf(path), type: "dir", mode: 0o755, size: 0 }, content: [] };
}

/** A file of the archive with `size` bytes. */
export function fileMember(path: string, size: number, content: ArchiveMember["content"]): ArchiveMember {
  return { entry: { ...FIXED, path: bytesOf(path), type: "file", mode: 0o644, size }, content };
}

/** The bytes of the archive of `members`, in their order. A chunk is never touched again after it was given out. */
export async function* archiveChunks(members: Iterable<ArchiveMember>): AsyncGenerator<Buffer, void, undefined> {
  for (const { entry, content } of members) {
    const header = Buffer.alloc(headerSizeBound(entry));
    yield header.subarray(0, encodeHeader(entry, header, 0));
    yield* content;
    const padding = paddingOf(entry.size);
    if (padding > 0) yield Buffer.alloc(padding);
  }
  yield Buffer.alloc(END_BYTES);
}

/** Two zero blocks. */
const END_BYTES = 1024;

const FIXED = {
  uid: 0,
  gid: 0,
  mtimeSeconds: 0,
  mtimeNanos: 0,
  linkname: "" as ByteString,
  devMajor: 0,
  devMinor: 0,
  xattrs: undefined,
} as const;
