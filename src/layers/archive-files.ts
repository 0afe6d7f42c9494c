/** Archives that ADD unpacks: told apart from other files by their bytes, uncompressed once to a temporary file. */

import { decompressAs } from "../compression/decompress.js";
import { detectArchive } from "../context/spool-archive.js";
import { isOcibuildError, OcibuildError } from "../errors.js";
import { TAR_LIMITS } from "../tar/limits.js";
import { TarReader } from "../tar/reader.js";
import type { ContentReader } from "../tree/file-tree.js";
import type { OpenEntry } from "./apply-layer.js";
import { fileReader } from "./fetched-file.js";
import type { FileContent } from "./fs-node.js";
import { type IndexedEntry, indexedEntry } from "./layer-index.js";
import type { RunContext } from "./run-context.js";

export interface ArchiveFiles {
  /** In the order of the archive. */
  readonly entries: readonly IndexedEntry[];
  readonly openEntry: OpenEntry;
}

const CHUNK_BYTES = 256 * 1024;

/**
 * The files of the archive that `content` is; `undefined` when it is none (also when it holds no entry, as in BuildKit).
 * The temporary file lives until the run ends.
 * @param name of the archive, for errors
 * @throws TAR_INVALID, COMPRESSION_INVALID when it begins as an archive and then is damaged; COMPRESSION_UNSUPPORTED
 */
export async function readArchive(
  run: RunContext,
  content: FileContent,
  name: string,
): Promise<ArchiveFiles | undefined> {
  const entries: IndexedEntry[] = [];
  const reader = new TarReader(
    { entry: (entry, dataOffset) => entries.push(indexedEntry(entry, dataOffset)) },
    TAR_LIMITS,
    "clamp",
  );
  const file = run.createTemporary();
  try {
    const chunks = contentChunks(content.open());
    const first = await chunks.next();
    if (first.done) return undefined;
    const format = detectArchive(first.value);
    if (format === undefined) return undefined;
    if (format === "bzip2" || format === "xz") throw unsupported(format);
    const kind = format === "tar" ? "uncompressed" : format;
    for await (const bytes of decompressAs(prepend(first.value, chunks), kind, { signal: run.signal })) {
      file.write(bytes);
      reader.write(bytes);
    }
    reader.end();
  } catch (error) {
    const isDamage = isOcibuildError(error, "TAR_INVALID") || isOcibuildError(error, "COMPRESSION_INVALID");
    if (!isDamage) throw error;
    if (entries.length === 0) return undefined;
    throw new OcibuildError(error.code, `${name} cannot be unpacked: ${error.message}`, {
      details: error.details,
      cause: error,
      hint: "the archive is damaged: make it again, or COPY it as it is",
    });
  }
  if (entries.length === 0) return undefined;
  return {
    entries,
    openEntry: (entry) => ({
      open: () => fileReader(file.path, entry.dataOffset, entry.size),
      knownDigest: () => undefined,
      rememberDigest() {},
    }),
  };
}

function unsupported(format: string): OcibuildError<"COMPRESSION_UNSUPPORTED"> {
  return new OcibuildError("COMPRESSION_UNSUPPORTED", `ADD cannot unpack ${format} archives`, {
    details: { compression: format },
    hint: `Decompress it first, for example with "${format} -d", or COPY it as it is.`,
  });
}

async function* contentChunks(reader: ContentReader): AsyncGenerator<Buffer, void, undefined> {
  let isClosed = false;
  try {
    for (;;) {
      const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
      const count = reader.read(buffer, 0, CHUNK_BYTES);
      if (count === 0) break;
      yield buffer.subarray(0, count);
    }
    isClosed = true;
    reader.close();
  } finally {
    if (!isClosed) reader.close();
  }
}

async function* prepend(first: Buffer, rest: AsyncGenerator<Buffer, void, undefined>): AsyncGenerator<Buffer> {
  yield first;
  yield* rest;
}
