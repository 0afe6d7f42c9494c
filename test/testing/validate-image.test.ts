import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../src/cache/memory-blobs.js";
import { digestOf } from "../../src/oci/digest.js";
import { encodeIndex, encodeManifest } from "../../src/oci/encode.js";
import { MEDIA_TYPES } from "../../src/oci/media-types.js";
import type { Descriptor, Image, ImageConfig, Manifest } from "../../src/oci/types.js";
import { validateImage } from "../../src/testing/validate-image.js";
import { addImage, HELLO, tarOf } from "../support/images.js";

const LAYER = "application/vnd.oci.image.layer.v1.tar";

async function put(blobs: MemoryBlobs, mediaType: string, bytes: Buffer): Promise<Descriptor> {
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length };
  await blobs.write(descriptor, [bytes]);
  return descriptor;
}

/** An image in which one thing is a lie; the rest is honest. */
async function lie(
  change: (
    image: Image,
    blobs: MemoryBlobs,
  ) => Promise<{ config?: Partial<ImageConfig>; manifest?: Partial<Manifest>; descriptor?: Partial<Descriptor> }>,
): Promise<{ blobs: MemoryBlobs; descriptor: Descriptor }> {
  const blobs = new MemoryBlobs();
  const image = await addImage(blobs, { layers: [HELLO] });
  const changed = await change(image, blobs);
  const config = await put(
    blobs,
    MEDIA_TYPES.oci.config,
    Buffer.from(JSON.stringify({ ...image.config, ...changed.config })),
  );
  const manifest = encodeManifest({ ...image.manifest, config, ...changed.manifest });
  return { blobs, descriptor: { ...(await put(blobs, MEDIA_TYPES.oci.manifest, manifest)), ...changed.descriptor } };
}

async function defects({ blobs, descriptor }: { blobs: MemoryBlobs; descriptor: Descriptor }): Promise<string> {
  return validateImage(blobs, descriptor).then(
    () => "none",
    (error: Error) => error.message,
  );
}

describe("validateImage", () => {
  it("reports what an honest image consists of", async () => {
    const blobs = new MemoryBlobs();
    const image = await addImage(blobs, { layers: [HELLO, []], platform: "linux/arm/v6" });
    expect(await validateImage(blobs, image.descriptor)).toEqual({
      images: [{ platform: "linux/arm/v6", descriptor: image.descriptor, config: image.config, layers: image.layers }],
    });
    expect(await defects(await lie(async () => ({})))).toBe("none");
  });

  it.each<[string, Parameters<typeof lie>[0], RegExp]>([
    [
      "a diffID of something else",
      async () => ({ config: { rootfs: { type: "layers", diff_ids: [digestOf("x") as never] } } }),
      /has diffID sha256:\w+ but the config says/,
    ],
    [
      "a layer that is missing",
      async () => ({ manifest: { layers: [{ mediaType: LAYER, digest: digestOf("x"), size: 1 }] } }),
      /layer 0 .*is not in the store/,
    ],
    [
      "a wrong size",
      async (image) => ({
        manifest: { layers: image.manifest.layers.map((layer) => ({ ...layer, size: layer.size + 1 })) },
      }),
      /layer 0 .*bytes/,
    ],
    [
      "gzip that is none",
      async (_, blobs) => ({ manifest: { layers: [await put(blobs, `${LAYER}+gzip`, tarOf(HELLO))] } }),
      /layer 0 .*incorrect header/,
    ],
    [
      "gzip that is cut off",
      async (_, blobs) => ({
        manifest: { layers: [await put(blobs, `${LAYER}+gzip`, gzipSync(tarOf(HELLO)).subarray(0, -4))] },
      }),
      /layer 0 .*unexpected end/,
    ],
    [
      "a compressed layer that says it is not",
      async (_, blobs) => ({ manifest: { layers: [await put(blobs, LAYER, gzipSync(tarOf(HELLO)))] } }),
      /has diffID/,
    ],
    [
      "a layer of an unknown kind",
      async (image) => ({
        manifest: { layers: image.manifest.layers.map((layer) => ({ ...layer, mediaType: "text/plain" })) },
      }),
      /"text\/plain" is not known/,
    ],
    [
      "a Docker layer in an OCI manifest",
      async (image) => ({
        manifest: {
          layers: image.manifest.layers.map((layer) => ({
            ...layer,
            mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip",
          })),
        },
      }),
      /mixes media types/,
    ],
    ["too much history", async () => ({ config: { history: [{}, {}] } }), /history for 2 layers but there are 1/],
    [
      "too many diffIDs",
      async (image) => ({
        config: {
          rootfs: { type: "layers", diff_ids: [...image.config.rootfs.diff_ids, ...image.config.rootfs.diff_ids] },
        },
      }),
      /expected 1 diff_ids/,
    ],
    ["a time that is none", async () => ({ config: { created: "yesterday" } }), /"yesterday"/],
    [
      "another platform than promised",
      async () => ({ descriptor: { platform: { os: "linux", architecture: "arm64" } } }),
      /linux\/amd64 but its descriptor says linux\/arm64/,
    ],
    ["no media type", async () => ({ manifest: { mediaType: undefined as never } }), /does not say its media type/],
  ])("D6: finds %s", async (_, change, defect) => {
    expect(await defects(await lie(change))).toMatch(defect);
  });

  it("lists every defect, not only the first", async () => {
    const message = await defects(
      await lie(async () => ({
        config: { created: "x", history: [{}, {}], rootfs: { type: "layers", diff_ids: [digestOf("x") as never] } },
      })),
    );
    expect(message.split("\n")).toHaveLength(4);
  });

  it("looks into every image of an index", async () => {
    const blobs = new MemoryBlobs();
    const good = await addImage(blobs);
    const missing: Descriptor = {
      ...good.descriptor,
      digest: digestOf("x"),
      platform: { os: "linux", architecture: "arm64" },
    };
    const index = (manifests: Descriptor[]) =>
      put(blobs, MEDIA_TYPES.oci.index, encodeIndex({ schemaVersion: 2, mediaType: MEDIA_TYPES.oci.index, manifests }));
    expect((await validateImage(blobs, await index([good.descriptor]))).images).toHaveLength(1);
    expect(await defects({ blobs, descriptor: await index([good.descriptor, missing]) })).toContain(missing.digest);
    expect(await defects({ blobs, descriptor: await index([good.descriptor, good.descriptor]) })).toContain(
      "several manifests for linux/amd64",
    );
  });

  it("stops when it is told to", async () => {
    const blobs = new MemoryBlobs();
    const image = await addImage(blobs);
    const reason = new Error("stop");
    await expect(validateImage(blobs, image.descriptor, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});
