/** Reads a file whose digest and size are known, and fails before the end when it is not that. @spec descriptor.md#verification */
import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { OcibuildError } from "../errors.js";
import type { Abortable } from "../oci/blobs.js";
import type { HashThread } from "./hash-thread.js";
import { storeError, systemCode } from "./store-error.js";

/** Below that a thread takes longer to start than the hash takes. */
const THREAD_BYTES = 32 * 1024 * 1024;
const CHUNK_BYTES = 512 * 1024;
/** One is read into, and two are the consumer's. */
const RECYCLED = 3;
const RECYCLED_CHUNK_BYTES = 1024 * 1024;

export interface ReadOptions extends Abortable {
  /**
   * A chunk is overwritten when the one after the next is asked for. Saves a seventh of the time where the consumer is
   * quick: memory that was just used is in the processor's caches.
   */
  readonly recycles?: boolean;
}

export interface ExpectedContent {
  /** A blob's digest or a layer's diffID. */
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
}

/**
 * The bytes of the file `path`. The size is checked before the first chunk; the digest before the last chunk is given
 * out, so that content of one chunk is never seen unverified. The next chunk is read while the consumer works, and large
 * files are hashed beside it.
 * @throws BLOB_NOT_FOUND, BLOB_SIZE_MISMATCH, BLOB_DIGEST_MISMATCH, STORE_UNUSABLE
 */
export async function* readVerified(
  path: string,
  expected: ExpectedContent,
  options: ReadOptions = {},
): AsyncGenerator<Buffer, void, undefined> {
  options.signal?.throwIfAborted();
  const file = await openRegular(path, expected);
  const chunkAt = options.recycles === true ? recycledChunks(expected) : newChunks(expected);
  let ahead = readAhead(file, path, expected, 0, chunkAt(0));
  try {
    using hash = (expected.size < THREAD_BYTES ? undefined : await openThread()) ?? new Sha256();
    for (let position = 0; position < expected.size; ) {
      const chunk = await ahead;
      options.signal?.throwIfAborted();
      position += chunk.length;
      if (position < expected.size) ahead = readAhead(file, path, expected, position, chunkAt(position));
      await hash.update(chunk);
      if (position === expected.size) {
        assertDigest(await hash.digest().catch(() => hashAgain(file, path, expected)), expected);
      }
      yield chunk;
    }
    if (expected.size === 0) assertDigest(await hash.digest(), expected);
  } finally {
    // A read that is still under way must not meet a closed (and perhaps reused) descriptor.
    await ahead.catch(() => undefined);
    await file.close();
  }
}

/** Not loaded before it is needed: most builds do without. */
async function openThread(): Promise<HashThread | undefined> {
  const { openHashThread } = await import("./hash-thread.js");
  return openHashThread(RECYCLED_CHUNK_BYTES);
}

/** As `HashThread`, without a thread. */
class Sha256 implements Disposable {
  readonly #hash = createHash("sha256");

  update(chunk: Uint8Array): void {
    this.#hash.update(chunk);
  }

  async digest(): Promise<string> {
    return this.#hash.digest("hex");
  }

  [Symbol.dispose](): void {}
}

/** Where the system had no thread. */
async function hashAgain(file: FileHandle, path: string, expected: ExpectedContent): Promise<string> {
  const hash = createHash("sha256");
  for (let position = 0; position < expected.size; ) {
    const chunk = await readChunk(file, path, expected, position, Buffer.allocUnsafe(CHUNK_BYTES));
    hash.update(chunk);
    position += chunk.length;
  }
  return hash.digest("hex");
}

/** The buffer for the chunk at a position. */
type ChunkSource = (position: number) => Buffer;

function newChunks({ size }: ExpectedContent): ChunkSource {
  return (position) => Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, size - position));
}

function recycledChunks({ size }: ExpectedContent): ChunkSource {
  const buffers: Buffer[] = [];
  return (position) => {
    const index = (position / RECYCLED_CHUNK_BYTES) % RECYCLED;
    buffers[index] ??= Buffer.allocUnsafeSlow(Math.min(RECYCLED_CHUNK_BYTES, size));
    return buffers[index];
  };
}

/** Starts to read a chunk; a failure is reported to who awaits it, whenever that is. */
function readAhead(...args: Parameters<typeof readChunk>): Promise<Buffer> {
  const chunk = readChunk(...args);
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

/** Fills `buffer` from `at` on as far as the file goes. */
async function readChunk(
  file: FileHandle,
  path: string,
  expected: ExpectedContent,
  at: number,
  buffer: Buffer,
): Promise<Buffer> {
  const chunk = buffer.subarray(0, expected.size - at);
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
