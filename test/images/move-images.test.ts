/** Images on their way: pulled, pushed, copied, saved and loaded; what comes in is what its documents say. */
import { PassThrough } from "node:stream";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { copyImage } from "../../src/images/copy-image.js";
import { findReadable } from "../../src/images/find-image.js";
import type { ImagesContext } from "../../src/images/images-context.js";
import { listImages } from "../../src/images/list-images.js";
import { loadImages } from "../../src/images/load-images.js";
import { parseLocation } from "../../src/images/location.js";
import { pullImage } from "../../src/images/pull-image.js";
import { pushImage } from "../../src/images/push-image.js";
import { saveImages } from "../../src/images/save-images.js";
import { assembleImage, assembleIndex } from "../../src/oci/assemble-image.js";
import { type DiffId, digestOf } from "../../src/oci/digest.js";
import { parseReference } from "../../src/oci/reference.js";
import type { Descriptor, Image, Platform } from "../../src/oci/types.js";
import { startRegistry, type TestRegistry } from "../../src/testing/registry/registry.js";
import { validateImage } from "../../src/testing/validate-image.js";
import { addImage, HELLO, type ImageSpec } from "../support/images.js";
import { imagesContext, storeImage } from "../support/open-store.js";
import { tempFolder } from "../support/temp-folder.js";

const AMD64: Platform = { os: "linux", architecture: "amd64" };
const ARM64: Platform = { os: "linux", architecture: "arm64" };

/** An index of two images, with an attestation of the first. */
async function storeIndex(
  context: ImagesContext,
  name: string,
): Promise<{ readonly root: Descriptor; readonly images: readonly Image[] }> {
  const { blobs } = context.store;
  const images: Image[] = [];
  for (const [at, platform] of ["linux/amd64", "linux/arm64"].entries()) {
    const spec: ImageSpec = { platform, layers: [HELLO, [{ path: "arch", content: platform + at }]] };
    images.push(await addImage(blobs, spec));
  }
  const said = Buffer.from('{"predicateType":"x"}');
  const statement = { mediaType: "application/vnd.in-toto+json", digest: digestOf(said), size: said.length };
  await blobs.write(statement, [said]);
  const empty = Buffer.from(
    '{"architecture":"unknown","os":"unknown","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:aa"]}}',
  );
  const config = { mediaType: "application/vnd.oci.image.config.v1+json", digest: digestOf(empty), size: empty.length };
  await blobs.write(config, [empty]);
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config,
      layers: [statement],
    }),
  );
  const attestation: Descriptor = {
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    digest: digestOf(manifest),
    size: manifest.length,
    platform: { os: "unknown", architecture: "unknown" },
    annotations: {
      "vnd.docker.reference.type": "attestation-manifest",
      "vnd.docker.reference.digest": images[0]!.descriptor.digest,
    },
  };
  await blobs.write(attestation, [manifest]);
  const { index } = assembleIndex({ images, mediaTypes: "oci" });
  const bytes = Buffer.from(JSON.stringify({ ...index, manifests: [...index.manifests, attestation] }));
  const root = { mediaType: index.mediaType!, digest: digestOf(bytes), size: bytes.length };
  await blobs.write(root, [bytes]);
  await context.store.images.tag(name, root);
  return { root, images };
}

async function withRegistry(run: (registry: TestRegistry) => Promise<void>): Promise<void> {
  const registry = await startRegistry();
  try {
    await run(registry);
  } finally {
    await registry[Symbol.asyncDispose]();
  }
}

describe("pull and push", () => {
  test("move an image byte for byte, and say what was there already", () =>
    withRegistry(async ({ host }) => {
      const [here, there] = [await imagesContext(), await imagesContext()];
      const name = `${host}/app:1`;
      const image = await storeImage(here.store, [name]);
      const outcomes: string[] = [];
      const pushed = await pushImage(here, parseReference(name), { onLayer: (_, outcome) => outcomes.push(outcome) });
      await pushImage(here, parseReference(name), { onLayer: (_, outcome) => outcomes.push(outcome) });
      expect(pushed).toMatchObject({ descriptor: { digest: image.descriptor.digest }, note: undefined });
      expect(outcomes).toEqual(["uploaded", "exists"]);
      const pulled = await pullImage(there, parseReference(name), { onLayer: (_, outcome) => outcomes.push(outcome) });
      expect(pulled).toEqual({ reference: name, digest: image.descriptor.digest, isNew: true });
      expect(await pullImage(there, parseReference(name))).toMatchObject({ isNew: false });
      expect(outcomes.slice(2)).toEqual(["pulled"]);
      await validateImage(there.store.blobs, image.descriptor);
      const byDigest = await pullImage(there, parseReference(`${host}/app:1@${image.descriptor.digest}`));
      expect(byDigest.reference).toBe(`${host}/app@${image.descriptor.digest}`);
      await expect(pushImage(here, parseReference(`${host}/nothing:1`))).rejects.toMatchObject({
        code: "IMAGE_NOT_FOUND",
      });
      await expect(pullImage(there, parseReference(`${host}/nothing:1`))).rejects.toMatchObject({
        code: "REGISTRY_NOT_FOUND",
      });
    }));

  test("move an index with what is attested of it, whole or by platform", () =>
    withRegistry(async ({ host }) => {
      const [here, there] = [await imagesContext(), await imagesContext()];
      const name = `${host}/multi:1`;
      const { root, images } = await storeIndex(here, name);
      await pushImage(here, parseReference(name));
      expect(await pullImage(there, parseReference(name), { platforms: [AMD64] })).toMatchObject({
        digest: root.digest,
      });
      const present = images.map(({ descriptor }) => there.store.blobs.isPresent(descriptor));
      expect(present).toEqual([true, false]);
      await expect(findReadable(there.store, name, { platform: ARM64 })).rejects.toMatchObject({
        code: "PLATFORM_NOT_FOUND",
      });
      await there.store.images.tag(`${host}/part:1`, root);
      const part = await pushImage(there, parseReference(`${host}/part:1`));
      expect(part.note).toContain("Not all multiplatform-content is present");
      expect(part.descriptor.digest).toBe(images[0]!.descriptor.digest);
      expect(await pullImage(there, parseReference(name), { platforms: "all" })).toMatchObject({ isNew: true });
      await there.store.images.tag(`${host}/whole:1`, root);
      expect((await pushImage(there, parseReference(`${host}/whole:1`))).descriptor.digest).toBe(root.digest);
      const one = await pushImage(there, parseReference(`${host}/whole:1`), { platform: ARM64 });
      expect(one.descriptor.digest).toBe(images[1]!.descriptor.digest);
      const s390x = { os: "linux", architecture: "s390x" };
      await expect(pullImage(there, parseReference(name), { platforms: [s390x] })).rejects.toMatchObject({
        code: "PLATFORM_NOT_FOUND",
      });
      await expect(pullImage(there, parseReference(`${host}/part:1`), { platforms: [ARM64] })).rejects.toMatchObject({
        code: "PLATFORM_NOT_FOUND",
      });
    }));

  test("D6: refuse an image whose config lies about its layers, and give it no name", () =>
    withRegistry(async ({ host }) => {
      const [here, there] = [await imagesContext(), await imagesContext()];
      const name = `${host}/liar:1`;
      const honest = await addImage(here.store.blobs);
      const layers = honest.layers.map((layer) => ({ ...layer, diffId: `sha256:${"0".repeat(64)}` as DiffId }));
      const { history: _history, ...config } = honest.config;
      const image = assembleImage({ config: { ...config, config: {} }, layers, history: [{}], mediaTypes: "oci" });
      await here.store.blobs.write(image.manifest.config, [image.configBytes]);
      await here.store.blobs.write(image.descriptor, [image.manifestBytes]);
      await here.store.images.tag(name, image.descriptor);
      await pushImage(here, parseReference(name));
      await expect(pullImage(there, parseReference(name))).rejects.toMatchObject({ code: "LAYER_DIFF_ID_MISMATCH" });
      expect(await listImages(there)).toEqual([]);
    }));
});

describe("save and load", () => {
  const saved = async (context: ImagesContext, words: readonly string[], options = {}): Promise<Buffer> => {
    const stream = new PassThrough();
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    await saveImages(context, words, { stream, name: "test" }, options);
    return Buffer.concat(chunks);
  };
  async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
    yield bytes;
  }

  test("move several images with all their names, plain or compressed, the same bytes each time", async () => {
    const [here, there] = [await imagesContext(), await imagesContext()];
    const app = await storeImage(here.store, ["docker.io/library/app:1", "docker.io/library/app:2"]);
    const { root } = await storeIndex(here, "r.example/multi:1");
    const untagged = await storeImage(here.store, [], { layers: [[{ path: "x", content: "x" }]] });
    const words = ["app", "r.example/multi:1", untagged.manifest.config.digest];
    const archive = await saved(here, words);
    expect(await saved(here, words)).toEqual(archive);
    for (const bytes of [archive, gzipSync(archive)]) {
      const loaded = await loadImages(there, once(bytes));
      expect(loaded.map(({ reference }) => reference ?? "").sort()).toEqual([
        "",
        "docker.io/library/app:1",
        "docker.io/library/app:2",
        "r.example/multi:1",
      ]);
    }
    expect((await findReadable(there.store, "app:2")).image.descriptor.digest).toBe(app.descriptor.digest);
    expect((await findReadable(there.store, "r.example/multi:1", { platform: ARM64 })).entry.descriptor.digest).toBe(
      root.digest,
    );
    const one = await loadImages(
      await imagesContext(),
      once(await saved(here, ["r.example/multi:1"], { platform: ARM64 })),
    );
    expect(one).toHaveLength(1);
    await expect(saved(here, ["app:3"])).rejects.toMatchObject({ code: "IMAGE_NOT_FOUND" });
    await expect(loadImages(there, once(Buffer.from("no archive")))).rejects.toMatchObject({
      code: expect.stringMatching(/^(?:TAR_INVALID|IMAGE_NOT_FOUND)$/),
    });
    await expect(loadImages(await imagesContext(), once(archive.subarray(0, archive.length / 2)))).rejects.toThrow();
  });
});

describe("copy", () => {
  const daemon = { save: () => once(), load: async () => {} };
  async function* once(): AsyncGenerator<Buffer> {}

  test.each([
    ["app:1", { transport: "store", word: "app:1" }],
    ["docker.io/library/app", { transport: "store", word: "docker.io/library/app" }],
    ["docker-daemon:app:1", { transport: "docker-daemon", name: "app:1" }],
    ["oci:dir", { transport: "oci", path: "dir", name: undefined }],
    ["oci:dir:r.example:5000/app:1", { transport: "oci", path: "dir", name: "r.example:5000/app:1" }],
    ["oci-archive:a.tar:1", { transport: "oci-archive", path: "a.tar", name: "1" }],
    ["docker-archive:/a.tar", { transport: "docker-archive", path: "/a.tar", name: undefined }],
    ["localhost:5000/app", { transport: "store", word: "localhost:5000/app" }],
  ])("%s is a place", (text, expected) => expect(parseLocation(text)).toEqual(expected));

  test.each([
    ["dir:x", "OPTIONS_UNSUPPORTED"],
    ["containers-storage:x", "OPTIONS_UNSUPPORTED"],
    ["oci:", "REFERENCE_INVALID"],
    ["oci:dir:", "REFERENCE_INVALID"],
    ["docker://UPPER", "REFERENCE_INVALID"],
  ])("%s is none", (text, code) => expect(() => parseLocation(text)).toThrow(expect.objectContaining({ code })));

  test("keeps digests from place to place, and makes an index of the platforms that are asked for", async () => {
    const context = await imagesContext();
    const cwd = tempFolder();
    const { root, images } = await storeIndex(context, "r.example/multi:1");
    const copy = (from: string, to: string, platforms: readonly Platform[] = []): Promise<Descriptor> =>
      copyImage(context, parseLocation(from), parseLocation(to), { cwd, daemon, platforms });
    for (const [from, to] of [
      ["r.example/multi:1", "oci:layout:a"],
      ["oci:layout:a", "oci-archive:a.tar:x:1"],
      ["oci-archive:a.tar", "back:1"],
      ["back:1", "oci:layout:b"],
    ] as const) {
      expect((await copy(from, to)).digest).toBe(root.digest);
    }
    expect((await copy("oci:layout:b", "arm:1", [ARM64])).digest).toBe(images[1]!.descriptor.digest);
    const both = await copy("oci:layout:b", "both:1", [ARM64, AMD64]);
    expect(both.digest).toBe(root.digest);
    expect((await copy("oci:layout:b", "docker-archive:d.tar:x:1", [ARM64])).digest).toBe(images[1]!.descriptor.digest);
    await expect(copy("oci:layout:b", "docker-archive:d.tar", [ARM64, AMD64])).rejects.toMatchObject({
      code: "OPTIONS_INVALID",
    });
    await expect(copy("oci:layout:c", "x")).rejects.toMatchObject({ code: "IMAGE_NOT_FOUND" });
    await expect(copy("oci:nowhere", "x")).rejects.toMatchObject({ code: "IMAGE_NOT_FOUND" });
    await expect(copy("nowhere", "oci:x")).rejects.toMatchObject({ code: "IMAGE_NOT_FOUND" });
  });
});
