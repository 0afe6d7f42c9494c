/** A tar in memory, for tests that need an archive. */
import type { TarEntry } from "../../src/tar/entry.js";
import { encodeHeader, headerSizeBound, paddingOf } from "../../src/tar/header.js";
import { bytesOf } from "../../src/util/bytes.js";

/** Fields of an entry that a test cares about; `content` makes it a file. */
export interface TarMember extends Partial<Omit<TarEntry, "path" | "linkname" | "size">> {
  readonly path: string;
  readonly linkname?: string;
  readonly content?: string | Buffer;
}

/** The archive with `members` in their order. */
export function tarBytes(members: readonly TarMember[]): Buffer {
  const parts: Buffer[] = [];
  for (const { path, linkname, content, ...rest } of members) {
    const bytes = Buffer.from(content ?? "");
    const entry: TarEntry = {
      type: "file",
      mode: 0o644,
      uid: 0,
      gid: 0,
      mtimeSeconds: 0,
      mtimeNanos: 0,
      devMajor: 0,
      devMinor: 0,
      xattrs: undefined,
      ...rest,
      path: bytesOf(path),
      linkname: bytesOf(linkname ?? ""),
      size: bytes.length,
    };
    const header = Buffer.alloc(headerSizeBound(entry));
    const end = encodeHeader(entry, header, 0);
    parts.push(header.subarray(0, end), bytes, Buffer.alloc(paddingOf(bytes.length)));
  }
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}
