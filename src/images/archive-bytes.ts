/** An archive of images as it comes, by file or by pipe: its bytes, uncompressed. */
import { createReadStream } from "node:fs";
import { decompressAs } from "../compression/decompress.js";
import { ARCHIVE_HEAD_BYTES, detectArchive } from "../context/spool-archive.js";
import { OcibuildError } from "../errors.js";
import type { Abortable } from "../oci/blobs.js";

const CHUNK_BYTES = 1 << 20;

/** The bytes of a file. @throws IMAGE_NOT_FOUND (when they are read) */
export async function* fileBytes(path: string): AsyncGenerator<Buffer, void, undefined> {
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) yield chunk as Buffer;
  } catch (cause) {
    if (cause instanceof OcibuildError) throw cause;
    throw new OcibuildError("IMAGE_NOT_FOUND", `"${path}" cannot be read`, { details: { reference: path }, cause });
  }
}

/** `chunks` decompressed, whatever of gzip, bzip2, xz and zstd they are compressed with. @throws COMPRESSION_… */
export async function* plainBytes(
  chunks: AsyncIterable<Uint8Array>,
  options: Abortable,
): AsyncGenerator<Buffer, void, undefined> {
  const iterator = chunks[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  let isOver = false;
  while (head.length < ARCHIVE_HEAD_BYTES && !isOver) {
    const next = await iterator.next();
    if (next.done === true) isOver = true;
    else head = Buffer.concat([head, next.value]);
  }
  const format = detectArchive(head) ?? "tar";
  async function* all(): AsyncGenerator<Uint8Array> {
    yield head;
    if (!isOver) yield* { [Symbol.asyncIterator]: () => iterator };
  }
  yield* decompressAs(all(), format === "tar" ? "uncompressed" : format, options);
}
