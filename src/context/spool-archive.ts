/** Brings an archive to disk uncompressed, where a tree can read it at any place. */
import { createReadStream, createWriteStream } from "node:fs";
import { type Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { decompressAs } from "../compression/decompress.js";
import { isOcibuildError, OcibuildError } from "../errors.js";
import { hasValidChecksum } from "../tar/fields.js";
import { unreadableStream } from "./peek-stream.js";

/** How an archive is compressed, by its first bytes. */
export type ArchiveFormat = "tar" | "gzip" | "bzip2" | "xz" | "zstd";

/** As many bytes as `detectArchive` wants to see. */
export const ARCHIVE_HEAD_BYTES = 512;

const MAGICS: readonly (readonly [ArchiveFormat, readonly number[]])[] = [
  ["gzip", [0x1f, 0x8b, 0x08]],
  ["bzip2", [0x42, 0x5a, 0x68]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
];

/** What kind of archive starts with `head`; `undefined` when it is none, for example a Dockerfile's text. */
export function detectArchive(head: Buffer): ArchiveFormat | undefined {
  for (const [format, magic] of MAGICS) {
    if (magic.length <= head.length && magic.every((byte, index) => head[index] === byte)) return format;
  }
  return head.length >= ARCHIVE_HEAD_BYTES && hasValidChecksum(head, 0) ? "tar" : undefined;
}

export interface SpoolOptions {
  /** Most bytes of the uncompressed archive. */
  readonly limitBytes: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes the archive to `target`, a new file of mode 0600.
 * @throws COMPRESSION_UNSUPPORTED, LIMIT_EXCEEDED, CONTEXT_INVALID when it cannot be decompressed, CONTEXT_UNREADABLE
 */
export async function spoolArchive(
  archive: Readable,
  format: ArchiveFormat,
  target: string,
  options: SpoolOptions,
): Promise<void> {
  const { signal, limitBytes } = options;
  const kind = format === "tar" ? "uncompressed" : format;
  try {
    await pipeline(
      archive,
      (chunks: AsyncIterable<Buffer>) => decompressAs(chunks, kind, { signal }),
      limited(limitBytes),
      createWriteStream(target, { flags: "wx", mode: 0o600 }),
      signal === undefined ? {} : { signal },
    );
  } catch (error) {
    signal?.throwIfAborted();
    if (isOcibuildError(error, "COMPRESSION_INVALID")) {
      throw new OcibuildError("CONTEXT_INVALID", `the build context is no valid ${format} archive: ${error.message}`, {
        details: { path: "-" },
        cause: error,
      });
    }
    if (error instanceof OcibuildError) throw error;
    throw unreadableStream("the archive of the build context", error);
  }
}

/** Like `spoolArchive`, for a file. */
export function spoolArchiveFile(
  file: string,
  format: ArchiveFormat,
  target: string,
  options: SpoolOptions,
): Promise<void> {
  return spoolArchive(createReadStream(file), format, target, options);
}

/** Passes bytes on until there are too many. */
function limited(limitBytes: number): Transform {
  let total = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      total += chunk.length;
      if (total <= limitBytes) return done(null, chunk);
      return done(
        new OcibuildError("LIMIT_EXCEEDED", `the archive of the build context has more than ${limitBytes} bytes`, {
          details: { limit: "contextBytes", value: limitBytes },
        }),
      );
    },
  });
}
