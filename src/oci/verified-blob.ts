/** Bytes that prove themselves: the stream fails before its end when they are not what their descriptor says. */
import { createHash } from "node:crypto";
import { OcibuildError } from "../errors.js";
import type { Abortable, BlobReader } from "./blobs.js";
import { digestFromHash } from "./digest.js";
import type { Descriptor } from "./types.js";

/**
 * Passes `chunks` on and fails before the end when size or digest differ; no byte beyond the size is passed on, and the
 * last chunk only after everything has been checked. `@spec descriptor.md#verification`
 * @throws BLOB_SIZE_MISMATCH, BLOB_DIGEST_MISMATCH
 */
export async function* verifiedBlob(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  blob: Descriptor,
): AsyncGenerator<Buffer, void, undefined> {
  const hash = createHash("sha256");
  let size = 0;
  let held: Buffer | undefined;
  for await (const chunk of chunks) {
    if (chunk.length === 0) continue;
    size += chunk.length;
    if (size > blob.size) throw sizeMismatch(blob, size);
    hash.update(chunk);
    if (held !== undefined) yield held;
    held = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }
  if (size !== blob.size) throw sizeMismatch(blob, size);
  const actual = digestFromHash(hash.digest());
  if (actual !== blob.digest) {
    throw new OcibuildError("BLOB_DIGEST_MISMATCH", `blob expected to be ${blob.digest} but got ${actual}`, {
      details: { expected: blob.digest, actual },
    });
  }
  if (held !== undefined) yield held;
}

/**
 * The whole blob in memory, for documents.
 * @throws LIMIT_EXCEEDED before anything is read when its size is over `maxBytes`, and what `open` throws
 */
export async function readBlob(
  blobs: BlobReader,
  blob: Descriptor,
  maxBytes: number,
  options?: Abortable,
): Promise<Buffer> {
  if (blob.size > maxBytes) {
    throw new OcibuildError(
      "LIMIT_EXCEEDED",
      `document ${blob.digest} has ${blob.size} bytes, expected at most ${maxBytes}`,
      {
        details: { limit: "document bytes", value: blob.size },
      },
    );
  }
  const bytes = Buffer.alloc(blob.size);
  let size = 0;
  for await (const chunk of verifiedBlob(blobs.open(blob, options), blob)) size += chunk.copy(bytes, size);
  return bytes;
}

function sizeMismatch(blob: Descriptor, actualBytes: number): OcibuildError {
  return new OcibuildError(
    "BLOB_SIZE_MISMATCH",
    `blob ${blob.digest} expected to have ${blob.size} bytes but got ${actualBytes > blob.size ? "more" : actualBytes}`,
    { details: { digest: blob.digest, expectedBytes: blob.size, actualBytes } },
  );
}
