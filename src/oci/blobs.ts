/** Where blobs come from and go to. The disk store, memory, an OCI layout, a tarball and a registry all implement these. */
import type { Descriptor } from "./types.js";

export interface Abortable {
  readonly signal?: AbortSignal;
}

export interface BlobReader {
  /** Whether the blob can be opened here; false rather than an error when it cannot. */
  has(blob: Descriptor, options?: Abortable): Promise<boolean>;
  /**
   * The blob's bytes. The stream is verified: it fails before its end when size or digest differ, so a consumer that
   * has seen a clean end has seen the right bytes. The caller must read to the end or leave the loop (which closes it).
   * @throws BLOB_NOT_FOUND, BLOB_DIGEST_MISMATCH, BLOB_SIZE_MISMATCH, REGISTRY_…
   */
  open(blob: Descriptor, options?: Abortable): AsyncIterable<Buffer>;
}

export interface BlobWriter {
  /**
   * Stores the bytes under `blob.digest`. Idempotent and atomic: after it resolves the whole blob is there; otherwise
   * nothing is. Bytes that do not match are refused.
   * @throws BLOB_DIGEST_MISMATCH, BLOB_SIZE_MISMATCH
   */
  write(blob: Descriptor, bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, options?: Abortable): Promise<void>;
}
