/** Tars that are made in memory, and layers that are handed to others. */
import { createHash } from "node:crypto";
import { type DiffId, digestFromHash } from "../../oci/digest.js";
import type { TarEntry } from "../../tar/entry.js";
import { encodeHeader, headerSizeBound, paddingOf } from "../../tar/header.js";
import type { ByteString } from "../../util/bytes.js";

/** A layer that an engine has or can be given. */
export interface EngineLayer {
  readonly diffId: DiffId;
  readonly sizeBytes: number;
  /** Its tar; opened only when it lacks it. */
  open(): AsyncIterable<Buffer>;
}

export const END: Buffer = Buffer.alloc(1024);

/** A tar entry of root's, of the mode that is usual for its type. */
export function entryOf(fields: Partial<TarEntry> & Pick<TarEntry, "path">): TarEntry {
  return {
    type: "file",
    mode: fields.type === "dir" ? 0o755 : 0o644,
    uid: 0,
    gid: 0,
    size: 0,
    mtimeSeconds: 0,
    mtimeNanos: 0,
    linkname: "" as ByteString,
    devMajor: 0,
    devMinor: 0,
    xattrs: undefined,
    ...fields,
  };
}

/** `entry` as it stands in a tar, without content. */
export function header(entry: TarEntry): Buffer {
  const buffer = Buffer.alloc(headerSizeBound(entry));
  return buffer.subarray(0, encodeHeader(entry, buffer, 0));
}

/** A file with its content, padded. */
export function fileInTar(entry: TarEntry, content: Buffer): Buffer {
  return Buffer.concat([header({ ...entry, size: content.length }), content, Buffer.alloc(paddingOf(content.length))]);
}

/** A layer that is held in memory. */
export function memoryLayer(tar: Buffer): EngineLayer {
  const diffId = digestFromHash<DiffId>(createHash("sha256").update(tar).digest());
  return {
    diffId,
    sizeBytes: tar.length,
    async *open() {
      yield tar;
    },
  };
}
