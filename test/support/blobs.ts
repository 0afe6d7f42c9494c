/** Small helpers for tests that handle blobs. */
import { digestOf } from "../../src/oci/digest.js";
import type { Descriptor } from "../../src/oci/types.js";

/** The descriptor of `content`. */
export function describeBlob(content: Uint8Array | string, mediaType = "application/octet-stream"): Descriptor {
  return { mediaType, digest: digestOf(content), size: Buffer.byteLength(content) };
}

/** All bytes of a stream of chunks. */
export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}
