/** What tests of the registry client share: a clock that does not wait, blobs, and a small image. */
import { createCipheriv, createHash } from "node:crypto";
import type { LookupFunction } from "node:net";
import type { Clock } from "../../src/http/clock.js";
import type { BlobReader } from "../../src/oci/blobs.js";
import { digestOf } from "../../src/oci/digest.js";
import type { Descriptor } from "../../src/oci/types.js";
import { createRegistryClient, type RegistryClient, type RegistryClientOptions } from "../../src/registry/client.js";
import type { RegistryContent } from "../../src/testing/registry/content.js";

/** A clock whose sleeps end at once, move it forward, and are remembered. */
export class FastClock implements Clock {
  readonly sleeps: number[] = [];
  nowMs = 1_000;

  monotonicMs(): number {
    return this.nowMs;
  }

  random(): number {
    return 0.5;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    this.sleeps.push(ms);
    this.nowMs += ms;
    signal?.throwIfAborted();
  }
}

/** Every name is this machine. */
export const lookupLoopback: LookupFunction = (_host, options, callback) => {
  if (options.all === true) callback(null, [{ address: "127.0.0.1", family: 4 }]);
  else callback(null, "127.0.0.1", 4);
};

/** A client with a fast clock and short deadlines. */
export function testClient(options: RegistryClientOptions = {}): RegistryClient & { readonly fastClock: FastClock } {
  const fastClock = new FastClock();
  const client = createRegistryClient({
    clock: fastClock,
    lookup: lookupLoopback,
    timeouts: { connectMs: 2_000, headersMs: 400, uploadReplyMs: 400, bodyIdleMs: 400 },
    ...options,
  });
  return { ...client, fastClock };
}

/** Bytes that look random and are the same each time. */
export function bytesFor(seed: string, size: number): Buffer {
  const key = createHash("sha256").update(seed).digest().subarray(0, 16);
  return createCipheriv("aes-128-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(size));
}

export function blobOf(bytes: Buffer, mediaType = "application/octet-stream"): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

/** Reads `bytes` in chunks. */
export function readerOf(bytes: Buffer, chunkBytes = 16_384): BlobReader {
  return {
    has: async () => true,
    async *open() {
      for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
    },
  };
}

export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

export const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
export const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
export const OCI_CONFIG = "application/vnd.oci.image.config.v1+json";
export const OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";

export interface TestImage {
  readonly manifest: Buffer;
  readonly descriptor: Descriptor;
  readonly config: Buffer;
  readonly layer: Buffer;
}

/** Puts an image with one layer into a registry. Its layer is no real tar: only its bytes count here. */
export function putImage(
  content: RegistryContent,
  repository: string,
  tag: string,
  platform: { readonly os: string; readonly architecture: string } = { os: "linux", architecture: "amd64" },
): TestImage {
  const layer = bytesFor(`${repository} ${platform.architecture}`, 100_000);
  const config = Buffer.from(
    JSON.stringify({ ...platform, config: { Env: ["A=b"] }, rootfs: { type: "layers", diff_ids: [digestOf(layer)] } }),
  );
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: blobOf(config, OCI_CONFIG),
      layers: [blobOf(layer, OCI_LAYER)],
    }),
  );
  content.putBlob(repository, config);
  content.putBlob(repository, layer);
  content.putManifest(repository, manifest, OCI_MANIFEST, tag);
  return { manifest, config, layer, descriptor: { ...blobOf(manifest, OCI_MANIFEST), platform } };
}
