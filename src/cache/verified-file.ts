/** Reads a file whose digest and size are known, and fails before the end when it is not that. @spec descriptor.md#verification */
import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { OcibuildError } from "../errors.js";
import type { Abortable } from "../oci/blobs.js";
import { storeError, systemCode } from "./store-error.js";

const CHUNK_BYTES = 512 * 1024;

export interface ExpectedContent {
  /** A blob's digest or a layer's diffID. */
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
}

/**
 * The bytes of the file `path`. The size is checked before the first chunk; the digest before the last chunk is given
 * out, so that content of one chunk is never seen unverified. The next chunk is read while the consumer works.
 * @throws BLOB_NOT_FOUND, BLOB_SIZE_MISMATCH, BLOB_DIGEST_MISMATCH, STORE_UNUSABLE
 */
export async function* readVerified(
  path: string,
  expected: ExpectedContent,
  options: Abortable = {},
): AsyncGenerator<Buffer, void, undefined> {
  options.signal?.throwIfAborted();
  const file = await openRegular(path, expected);
  let ahead = readAhead(file, path, expected, 0);
  try {
    const hash = createHash("sha256");
    for (let position = 0; position < expected.size; ) {
      const chunk = await ahead;
      options.signal?.throwIfAborted();
      position += chunk.length;
      if (position < expected.size) ahead = readAhead(file, path, expected, position);
      hash.update(chunk);
      if (position === expected.size) assertDigest(hash.digest("hex"), expected);
      yield chunk;
    }
    if (expected.size === 0) assertDigest(hash.digest("hex"), expected);
  } finally {
    // A read that is still under way must not meet a closed (and perhaps reused) descriptor.
    await ahead.catch(() => undefined);
    await file.close();
  }
}

/** Starts to read a chunk; a failure is reported to who awaits it, whenever that is. */
function readAhead(file: FileHandle, path: string, expected: ExpectedContent, at: number): Promise<Buffer> {
  const chunk = readChunk(file, path, expected, at);
  chunk.catch(() => undefined);
  return chunk;
}

/** Reads the file to its end and throws away the bytes: resolves when it is what it should be. @throws as `readVerified` */
export async function verifyFile(path: string, expected: ExpectedContent, options: Abortable = {}): Promise<void> {
  for await (const chunk of readVerified(path, expected, options)) void chunk;
}

async function openRegular(path: string, expected: ExpectedContent): Promise<FileHandle> {
  try {
    // Asked before opening: to open a FIFO would wait for ever.
    const stat = statSync(path);
    if (!stat.isFile()) throw notFound(expected);
    if (stat.size !== expected.size) throw wrongSize(expected, stat.size);
    return await open(path, "r");
  } catch (error) {
    const code = systemCode(error);
    throw code === "ENOENT" || code === "ENOTDIR" ? notFound(expected) : storeError(error, "read", path);
  }
}

async function readChunk(file: FileHandle, path: string, expected: ExpectedContent, at: number): Promise<Buffer> {
  const chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, expected.size - at));
  let done = 0;
  while (done < chunk.length) {
    const { bytesRead } = await file.read(chunk, done, chunk.length - done, at + done).catch((error: unknown) => {
      throw storeError(error, "read", path);
    });
    if (bytesRead === 0) throw wrongSize(expected, at + done);
    done += bytesRead;
  }
  return chunk;
}

function assertDigest(hex: string, expected: ExpectedContent): void {
  if (`sha256:${hex}` !== expected.digest) throw wrongDigest(expected.digest, `sha256:${hex}`);
}

export function notFound(expected: ExpectedContent): OcibuildError<"BLOB_NOT_FOUND"> {
  return new OcibuildError("BLOB_NOT_FOUND", `blob "${expected.digest}" is not in the store`, {
    details: { digest: expected.digest },
  });
}

export function wrongSize(expected: ExpectedContent, actualBytes: number): OcibuildError<"BLOB_SIZE_MISMATCH"> {
  const message = `blob "${expected.digest}" expected ${expected.size} bytes but got ${actualBytes}`;
  return new OcibuildError("BLOB_SIZE_MISMATCH", message, {
    details: { digest: expected.digest, expectedBytes: expected.size, actualBytes },
  });
}

export function wrongDigest(expected: string, actual: string): OcibuildError<"BLOB_DIGEST_MISMATCH"> {
  return new OcibuildError("BLOB_DIGEST_MISMATCH", `blob content expected digest "${expected}" but got "${actual}"`, {
    details: { expected, actual },
  });
}
