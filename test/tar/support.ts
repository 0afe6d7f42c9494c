/** Entries to write and read in tests. */
import type { TarEntry } from "../../src/tar/entry.js";
import { encodeHeader, headerSizeBound, paddingOf } from "../../src/tar/header.js";
import { TarReader } from "../../src/tar/reader.js";
import { type ByteString, bytesOf } from "../../src/util/bytes.js";

/** A plain file entry with `fields` over it; `path` and `linkname` are text or byte strings. */
export function entryOf(
  fields: Partial<Omit<TarEntry, "path" | "linkname">> & { path: string; linkname?: string },
): TarEntry {
  return {
    type: "file",
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: 0,
    mtimeSeconds: 1_700_000_000,
    mtimeNanos: 0,
    devMajor: 0,
    devMinor: 0,
    xattrs: undefined,
    ...fields,
    path: bytes(fields.path),
    linkname: bytes(fields.linkname ?? ""),
  };
}

/** Takes text with code points up to 255 for bytes already, other text as UTF-8. */
export function bytes(text: string): ByteString {
  return /^[\x00-\xff]*$/.test(text) ? (text as ByteString) : bytesOf(text);
}

/** The tar of `entries` with `contents` (by index; zeros where missing), and its two zero blocks. */
export function tarOf(entries: readonly TarEntry[], contents: ReadonlyMap<number, Buffer> = new Map()): Buffer {
  const parts: Buffer[] = [];
  entries.forEach((entry, index) => {
    parts.push(headerOf(entry));
    const content = contents.get(index) ?? Buffer.alloc(entry.size);
    parts.push(content, Buffer.alloc(paddingOf(content.length)));
  });
  parts.push(Buffer.alloc(1024));
  return Buffer.concat(parts);
}

export function headerOf(entry: TarEntry): Buffer {
  const buffer = Buffer.alloc(headerSizeBound(entry), 0xee);
  return buffer.subarray(0, encodeHeader(entry, buffer, 0));
}

export interface ReadEntry {
  readonly entry: TarEntry;
  readonly dataOffset: number;
  readonly content: Buffer;
}

/** Reads `tar`, cut at the offsets `cuts`. */
export function readAll(tar: Buffer, cuts: readonly number[] = []): ReadEntry[] {
  const read: { entry: TarEntry; dataOffset: number; parts: Buffer[]; isEnded: boolean }[] = [];
  const reader = new TarReader({
    entry: (entry, dataOffset) => read.push({ entry, dataOffset, parts: [], isEnded: false }),
    data: (chunk) => read.at(-1)?.parts.push(Buffer.from(chunk)),
    end: () => {
      read.at(-1)!.isEnded = true;
    },
  });
  let from = 0;
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    reader.write(Buffer.from(tar.subarray(from, cut)));
    from = cut;
  }
  reader.write(Buffer.from(tar.subarray(from)));
  reader.end();
  if (!read.every((entry) => entry.isEnded)) throw new Error("an entry did not end");
  return read.map(({ entry, dataOffset, parts }) => ({ entry, dataOffset, content: Buffer.concat(parts) }));
}
