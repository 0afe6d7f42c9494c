/** Archives that ADD unpacks: told apart from other files by their bytes, uncompressed once to a temporary file. */

import { createHash } from "node:crypto";
import { decompressAs } from "../../compression/decompress.js";
import { ARCHIVE_HEAD_BYTES, detectArchive } from "../../context/spool-archive.js";
import { isOcibuildError, OcibuildError } from "../../errors.js";
import { TAR_LIMITS } from "../../tar/limits.js";
import { TarReader } from "../../tar/reader.js";
import type { OpenEntry } from "../fs/apply-layer.js";
import type { FileContent } from "../fs/fs-node.js";
import { type IndexedEntry, indexedEntry } from "../layer-index.js";
import type { RunContext } from "../run-context.js";
import { fileReader } from "./fetched-file.js";

export interface ArchiveFiles {
  /** In the order of the archive. */
  readonly entries: readonly IndexedEntry[];
  readonly openEntry: OpenEntry;
}

const CHUNK_BYTES = 256 * 1024;
/** Most bytes of one archive when it is uncompressed. */
const LIMIT_BYTES = 64 * 1024 ** 3;

/**
 * The files of the archive that `content` is; `undefined` when it is none (also when it holds no entry, as in BuildKit).
 * The temporary file lives until the run ends.
 * @param name of the archive, for errors
 * @throws TAR_INVALID, COMPRESSION_INVALID when it begins as an archive and then is damaged; COMPRESSION_UNSUPPORTED;
 * LIMIT_EXCEEDED
 */
export async function readArchive(
  run: RunContext,
  content: FileContent,
  name: string,
): Promise<ArchiveFiles | undefined> {
  const format = detectArchive(headOf(content));
  if (format === undefined) return undefined;
  const entries: IndexedEntry[] = [];
  const reader = new TarReader(
    { entry: (entry, dataOffset) => entries.push(indexedEntry(entry, dataOffset)) },
    TAR_LIMITS,
    "clamp",
  );
  const file = run.createTemporary();
  const kind = format === "tar" ? "uncompressed" : format;
  try {
    const limits = { limitBytes: LIMIT_BYTES, signal: run.signal };
    for await (const bytes of decompressAs(contentChunks(content), kind, limits)) {
      file.write(bytes);
      reader.write(bytes);
    }
    reader.end();
    file.seal();
  } catch (error) {
    file.discard();
    const isDamage = isOcibuildError(error, "TAR_INVALID") || isOcibuildError(error, "COMPRESSION_INVALID");
    if (!isDamage) throw error;
    if (entries.length === 0) return undefined;
    throw new OcibuildError(error.code, `${name} cannot be unpacked: ${error.message}`, {
      details: error.details,
      cause: error,
      hint: "the archive is damaged: make it again, or COPY it as it is",
    });
  }
  if (entries.length === 0) {
    file.discard();
    return undefined;
  }
  return {
    entries,
    openEntry: (entry) => ({
      open: () => fileReader(file.path, entry.dataOffset, entry.size),
      knownDigest: () => undefined,
      rememberDigest() {},
    }),
  };
}

/** The first bytes of a file, as far as telling archives apart needs them. */
function headOf(content: FileContent): Buffer {
  const head = Buffer.alloc(ARCHIVE_HEAD_BYTES);
  const reader = content.open();
  try {
    let length = 0;
    for (let count = -1; count !== 0 && length < head.length; length += count) {
      count = reader.read(head, length, head.length - length);
    }
    return head.subarray(0, length);
  } finally {
    reader.close();
  }
}

/** The bytes of `content`. When all were read, the digest is told: so the key of the step is made of what was unpacked. */
async function* contentChunks(content: FileContent): AsyncGenerator<Buffer, void, undefined> {
  const hash = createHash("sha256");
  const reader = content.open();
  let isClosed = false;
  try {
    for (;;) {
      const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
      const count = reader.read(buffer, 0, CHUNK_BYTES);
      if (count === 0) break;
      const bytes = buffer.subarray(0, count);
      hash.update(bytes);
      yield bytes;
    }
    isClosed = true;
    reader.close();
    content.rememberDigest(hash.digest());
  } finally {
    if (!isClosed) reader.close();
  }
}
