/** Blobs in memory: for tests, and for documents that are made and used in one process. */
import type { Abortable, BlobReader, BlobWriter } from "../oci/blobs.js";
import { type Digest, digestOf } from "../oci/digest.js";
import type { Descriptor } from "../oci/types.js";
import { closeUnread } from "./blob-directory.js";
import { notFound, wrongDigest, wrongSize } from "./verified-file.js";

export class MemoryBlobs implements BlobReader, BlobWriter {
  readonly #blobs = new Map<Digest, Buffer>();

  async has(blob: Descriptor, options: Abortable = {}): Promise<boolean> {
    options.signal?.throwIfAborted();
    return this.#blobs.get(blob.digest)?.length === blob.size;
  }

  async *open(blob: Descriptor, options: Abortable = {}): AsyncGenerator<Buffer, void, undefined> {
    options.signal?.throwIfAborted();
    const bytes = this.#blobs.get(blob.digest);
    if (bytes === undefined) throw notFound(blob);
    if (bytes.length !== blob.size) throw wrongSize(blob, bytes.length);
    // A copy: a consumer that writes into its chunk must not change the blob.
    if (bytes.length > 0) yield Buffer.from(bytes);
  }

  async write(
    blob: Descriptor,
    bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    options: Abortable = {},
  ): Promise<void> {
    if (await this.has(blob, options)) return closeUnread(bytes);
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    for await (const chunk of bytes) {
      options.signal?.throwIfAborted();
      sizeBytes += chunk.length;
      if (sizeBytes > blob.size) throw wrongSize(blob, sizeBytes);
      chunks.push(Buffer.from(chunk));
    }
    if (sizeBytes !== blob.size) throw wrongSize(blob, sizeBytes);
    const content = Buffer.concat(chunks);
    if (digestOf(content) !== blob.digest) throw wrongDigest(blob.digest, digestOf(content));
    this.#blobs.set(blob.digest, content);
  }
}
