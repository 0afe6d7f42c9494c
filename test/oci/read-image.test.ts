import { describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../src/cache/memory-blobs.js";
import type { BlobReader } from "../../src/oci/blobs.js";
import { type Digest, digestOf } from "../../src/oci/digest.js";
import { encodeIndex } from "../../src/oci/encode.js";
import { MEDIA_TYPES } from "../../src/oci/media-types.js";
import { parsePlatform } from "../../src/oci/platform.js";
import { readImage } from "../../src/oci/read-image.js";
import type { Descriptor, ImageIndex } from "../../src/oci/types.js";
import { addImage, HELLO } from "../support/images.js";

const AMD64 = parsePlatform("linux/amd64");
const options = (platform = "linux/amd64") => ({ platform: parsePlatform(platform), reference: "app:1" });

async function addIndex(blobs: MemoryBlobs, manifests: readonly Descriptor[]): Promise<Descriptor> {
  const index: ImageIndex = { schemaVersion: 2, mediaType: MEDIA_TYPES.oci.index, manifests };
  const bytes = encodeIndex(index);
  const descriptor = { mediaType: MEDIA_TYPES.oci.index, digest: digestOf(bytes), size: bytes.length };
  await blobs.write(descriptor, [bytes]);
  return descriptor;
}

async function addDocument(blobs: MemoryBlobs, mediaType: string, value: unknown): Promise<Descriptor> {
  const bytes = Buffer.from(JSON.stringify(value));
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length };
  await blobs.write(descriptor, [bytes]);
  return descriptor;
}

/** Serves `bytes` for `digest` without looking, as a broken store would. */
function unverified(blobs: BlobReader, digest: Digest, bytes: Buffer): BlobReader {
  return {
    has: (blob, abortable) => blobs.has(blob, abortable),
    open: (blob, abortable) =>
      blob.digest === digest
        ? (async function* () {
            yield bytes;
          })()
        : blobs.open(blob, abortable),
  };
}

describe("readImage", () => {
  it("reads what assembleImage made, with its exact bytes", async () => {
    for (const mediaTypes of ["oci", "docker"] as const) {
      const blobs = new MemoryBlobs();
      const image = await addImage(blobs, { mediaTypes, layers: [HELLO, HELLO] });
      expect(await readImage(blobs, image.descriptor, options())).toEqual(image);
      expect(await readImage(blobs, image.descriptor, { ...options(), validated: true })).toEqual(image);
    }
  });

  it("takes a manifest for another platform, as Docker does, and says what it is for", async () => {
    const blobs = new MemoryBlobs();
    const image = await addImage(blobs, { platform: "linux/s390x" });
    expect((await readImage(blobs, image.descriptor, options())).descriptor.platform?.architecture).toBe("s390x");
  });

  it("chooses from an index", async () => {
    const blobs = new MemoryBlobs();
    const images = [
      await addImage(blobs, { platform: "linux/arm/v6" }),
      await addImage(blobs, { platform: "linux/arm64" }),
    ];
    const index = await addIndex(
      blobs,
      images.map((image) => image.descriptor),
    );
    expect(await readImage(blobs, index, options("linux/arm64"))).toEqual(images[1]);
    expect(await readImage(blobs, index, options("linux/arm/v7"))).toEqual(images[0]);
    await expect(readImage(blobs, index, options())).rejects.toMatchObject({
      code: "PLATFORM_NOT_FOUND",
      hint: "It is there for linux/arm/v6, linux/arm64.",
    });
  });

  it("D1: notices every byte that is not as its digest says", async () => {
    const blobs = new MemoryBlobs();
    const image = await addImage(blobs);
    for (const [descriptor, bytes] of [
      [image.descriptor, image.manifestBytes],
      [image.manifest.config, image.configBytes],
    ] as const) {
      const flipped = Buffer.from(bytes);
      flipped[bytes.length >> 1]! ^= 1;
      const lies = [
        { bytes: Buffer.concat([bytes, Buffer.from(" ")]), code: "BLOB_SIZE_MISMATCH" },
        { bytes: bytes.subarray(0, -1), code: "BLOB_SIZE_MISMATCH" },
        { bytes: flipped, code: "BLOB_DIGEST_MISMATCH" },
      ];
      for (const lie of lies) {
        const reader = unverified(blobs, descriptor.digest, lie.bytes);
        await expect(readImage(reader, image.descriptor, options())).rejects.toMatchObject({ code: lie.code });
      }
    }
  });

  it("D5: follows indexes four deep and no further", async () => {
    const blobs = new MemoryBlobs();
    const image = await addImage(blobs);
    let descriptor = image.descriptor;
    for (let depth = 1; depth <= 5; depth++) {
      descriptor = await addIndex(blobs, [{ ...descriptor, platform: AMD64 }]);
      const reading = readImage(blobs, descriptor, options());
      if (depth <= 4) expect((await reading).manifest).toEqual(image.manifest);
      else await expect(reading).rejects.toMatchObject({ message: expect.stringContaining("at most 4 indexes") });
    }
  });

  it("D5: ends at an index that contains itself, even if a store gives it so", async () => {
    const child: Descriptor = { mediaType: MEDIA_TYPES.oci.index, digest: digestOf("loop"), size: 1 };
    const bytes = encodeIndex({ schemaVersion: 2, mediaType: MEDIA_TYPES.oci.index, manifests: [child] });
    // No honest store can hold it: its digest would have to be in itself.
    await expect(
      readImage(unverified(new MemoryBlobs(), child.digest, bytes), { ...child, size: bytes.length }, options()),
    ).rejects.toMatchObject({
      code: "BLOB_DIGEST_MISMATCH",
    });
  });

  it("D5: takes an index of 1,000 and says what it has when nothing suits", async () => {
    const blobs = new MemoryBlobs();
    const manifests = Array.from(
      { length: 1000 },
      (_, at): Descriptor => ({
        mediaType: MEDIA_TYPES.oci.manifest,
        digest: digestOf(String(at)),
        size: 1,
        platform: { os: "linux", architecture: `arch${at}` },
      }),
    );
    const index = await addIndex(blobs, manifests);
    const error = await readImage(blobs, index, options()).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "PLATFORM_NOT_FOUND" });
    expect((error as { hint: string }).hint.length).toBeLessThan(500);
  });

  it("D6: refuses configs that do not belong to the layers", async () => {
    const blobs = new MemoryBlobs();
    const image = await addImage(blobs);
    const config = await addDocument(blobs, MEDIA_TYPES.oci.config, {
      ...image.config,
      rootfs: { type: "layers", diff_ids: [] },
    });
    const manifest = await addDocument(blobs, MEDIA_TYPES.oci.manifest, { ...image.manifest, config });
    for (const validated of [false, true]) {
      await expect(readImage(blobs, manifest, { ...options(), validated })).rejects.toMatchObject({
        code: "DOCUMENT_INVALID",
        message: expect.stringContaining("expected 1 diff_ids"),
      });
    }
  });

  it("D6: reads a config that is embedded in its descriptor", async () => {
    const blobs = new MemoryBlobs();
    const image = await addImage(blobs);
    const data = image.configBytes.toString("base64");
    const manifest = await addDocument(blobs, MEDIA_TYPES.oci.manifest, {
      ...image.manifest,
      config: { ...image.manifest.config, data },
    });
    const withoutBlobs = unverified(
      { has: async () => false, open: () => expect.unreachable() },
      manifest.digest,
      Buffer.from(JSON.stringify({ ...image.manifest, config: { ...image.manifest.config, data } })),
    );
    expect((await readImage(withoutBlobs, manifest, options())).config).toEqual(image.config);
  });

  it("says that an artifact is no image", async () => {
    const blobs = new MemoryBlobs();
    const image = await addImage(blobs);
    const artifact = await addDocument(blobs, MEDIA_TYPES.oci.manifest, {
      ...image.manifest,
      config: { ...image.manifest.config, mediaType: "application/vnd.cncf.helm.config.v1+json" },
    });
    await expect(readImage(blobs, artifact, options())).rejects.toMatchObject({
      message: expect.stringContaining("artifact"),
    });
    const odd = await addDocument(blobs, MEDIA_TYPES.oci.manifest, {
      ...image.manifest,
      layers: image.manifest.layers.map((layer) => ({ ...layer, mediaType: "application/vnd.in-toto+json" })),
    });
    await expect(readImage(blobs, odd, options())).rejects.toMatchObject({
      message: expect.stringContaining("(layers[0])"),
    });
  });

  it("refuses documents over 4 MiB without reading them", async () => {
    const descriptor: Descriptor = { mediaType: MEDIA_TYPES.oci.manifest, digest: digestOf("x"), size: 5_000_000 };
    await expect(readImage(new MemoryBlobs(), descriptor, options())).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
  });

  it("stops when it is told to", async () => {
    const blobs = new MemoryBlobs();
    const image = await addImage(blobs);
    const reason = new Error("stop");
    await expect(readImage(blobs, image.descriptor, { ...options(), signal: AbortSignal.abort(reason) })).rejects.toBe(
      reason,
    );
  });
});
