/** Images of a store by name, digest and ID: listed, filtered, found, tagged, removed. */
import { describe, expect, test } from "vitest";
import { filterImages, namePattern } from "../../src/images/filter-images.js";
import { findImage, findReadable } from "../../src/images/find-image.js";
import { imageHistory } from "../../src/images/image-history.js";
import type { ImagesContext } from "../../src/images/images-context.js";
import { inspectImage } from "../../src/images/inspect-image.js";
import { listImages } from "../../src/images/list-images.js";
import { removeImage } from "../../src/images/remove-image.js";
import { tagImage } from "../../src/images/tag-image.js";
import { assembleIndex } from "../../src/oci/assemble-image.js";
import type { Image } from "../../src/oci/types.js";
import { addImage, HELLO, type ImageSpec } from "../support/images.js";
import { imagesContext, storeImage } from "../support/open-store.js";

const APP = "docker.io/library/app:1";
const SPEC: ImageSpec = { layers: [HELLO], config: { Labels: { team: "a" }, Cmd: ["x"] } };
const OTHER: ImageSpec = { layers: [HELLO, [{ path: "more", content: "12345" }]], config: { Cmd: ["y"] } };

const idOf = (image: Image): string => image.manifest.config.digest;
const hex = (image: Image): string => idOf(image).slice(7);

describe("images are listed", () => {
  test("once each, with all their names and the size of their files", async () => {
    const context = await imagesContext();
    const app = await storeImage(context.store, [APP, "r.example/team/app:2"], SPEC);
    const other = await storeImage(context.store, [], OTHER);
    const listed = await listImages(context);
    expect(listed.map(({ id }) => id)).toEqual([idOf(other), idOf(app)]);
    expect(listed[1]).toMatchObject({
      tags: [APP, "r.example/team/app:2"],
      digests: [`docker.io/library/app@${app.descriptor.digest}`, `r.example/team/app@${app.descriptor.digest}`],
      createdSeconds: 1_700_000_000,
      sizeBytes: 6,
      labels: { team: "a" },
    });
    expect(listed[0]).toMatchObject({ tags: [], digests: [], sizeBytes: 11 });
  });

  test("also when a part of them is gone, with what is known", async () => {
    const context = await imagesContext();
    const app = await storeImage(context.store, [APP], SPEC);
    context.store.blobs.remove(app.manifest.config.digest);
    expect(await listImages(context)).toMatchObject([{ id: app.descriptor.digest, tags: [APP], sizeBytes: 0 }]);
    await expect(findReadable(context.store, "app:1")).rejects.toMatchObject({ code: "IMAGE_NOT_FOUND" });
    expect(await removeImage(context, "app:1")).toEqual({ untagged: ["app:1"], deleted: [app.descriptor.digest] });
  });

  test("as filters let them through", async () => {
    const context = await imagesContext();
    const app = await storeImage(context.store, [APP, "r.example/team/app:2"], SPEC);
    await storeImage(context.store, [], OTHER);
    const all = await listImages(context);
    const names = (filter: Parameters<typeof filterImages>[1]): readonly (readonly string[])[] =>
      filterImages(all, filter).map(({ tags }) => tags);
    expect(names({ dangling: true })).toEqual([[]]);
    expect(names({ dangling: false })).toEqual([[APP, "r.example/team/app:2"]]);
    expect(names({ references: ["app"] })).toEqual([[APP]]);
    expect(names({ references: ["*:1", "r.example/*/app"] })).toEqual([[APP, "r.example/team/app:2"]]);
    expect(names({ references: ["ap"] })).toEqual([]);
    expect(names({ labels: ["team"] })).toEqual([[APP, "r.example/team/app:2"]]);
    expect(names({ labels: ["team=a", "team=b"] })).toEqual([]);
    expect(names({ labels: ["constructor"] })).toEqual([]);
    expect(names({ before: app.manifest.config.digest })).toEqual([]);
    expect(names({ untilSeconds: 1_700_000_001 })).toHaveLength(2);
  });

  test.each([
    ["a*c", "abc", true],
    ["a*c", "a/c", false],
    ["a?c", "abc", true],
    ["[a-c]x", "bx", true],
    ["[^a]x", "ax", false],
    ["a.c", "abc", false],
    ["[", "[", true],
    ["\\*", "*", true],
  ])("pattern %s on %s", (pattern, text, expected) => expect(namePattern(pattern).test(text)).toBe(expected));
});

describe("an image is found", () => {
  test("by name, digest, and the beginning of an ID or a digest", async () => {
    const context = await imagesContext();
    const app = await storeImage(context.store, [APP], SPEC);
    const other = await storeImage(context.store, ["docker.io/library/abc:latest"], OTHER);
    for (const word of ["app:1", APP, idOf(app), hex(app), hex(app).slice(0, 12), `app@${app.descriptor.digest}`]) {
      expect((await findImage(context.store, word)).stored.id).toBe(idOf(app));
    }
    expect((await findImage(context.store, app.descriptor.digest.slice(7, 30))).stored.id).toBe(idOf(app));
    // A name counts before an ID that begins like it.
    expect((await findImage(context.store, "abc")).stored.id).toBe(idOf(other));
    for (const word of ["app", "app:2", "ffffffffffff", `abc@${app.descriptor.digest}`]) {
      await expect(findImage(context.store, word)).rejects.toMatchObject({ code: "IMAGE_NOT_FOUND" });
    }
    await expect(findImage(context.store, "UPPER")).rejects.toMatchObject({ code: "REFERENCE_INVALID" });
  });

  test("for a platform, and not for one that it is not for", async () => {
    const context = await imagesContext();
    const images = [
      await addImage(context.store.blobs, { ...SPEC, platform: "linux/amd64" }),
      await addImage(context.store.blobs, { ...SPEC, platform: "linux/arm64" }),
    ];
    const index = assembleIndex({ images, mediaTypes: "oci" });
    await context.store.blobs.write(index.descriptor, [index.bytes]);
    await context.store.images.tag(APP, index.descriptor);
    const arm = await findReadable(context.store, "app:1", { platform: { os: "linux", architecture: "arm64" } });
    expect(arm.image.config.architecture).toBe("arm64");
    const s390x = findReadable(context.store, "app:1", { platform: { os: "linux", architecture: "s390x" } });
    await expect(s390x).rejects.toMatchObject({ code: "PLATFORM_NOT_FOUND" });
    expect(await listImages(context)).toHaveLength(1);
  });

  test("and is told of under docker's names", async () => {
    const context = await imagesContext();
    const app = await storeImage(context.store, [APP], OTHER);
    const found = await findReadable(context.store, "app:1");
    expect(await inspectImage(context, found)).toEqual({
      Id: idOf(app),
      RepoTags: ["app:1"],
      RepoDigests: [`app@${app.descriptor.digest}`],
      Comment: "ocibuild",
      Created: "2023-11-14T22:13:20Z",
      Author: "",
      Config: { Cmd: ["y"] },
      Architecture: "amd64",
      Os: "linux",
      Size: 11,
      RootFS: { Type: "layers", Layers: app.layers.map(({ diffId }) => diffId) },
      Descriptor: { mediaType: app.descriptor.mediaType, digest: app.descriptor.digest, size: app.descriptor.size },
    });
    expect((await imageHistory(context, app)).map(({ id, sizeBytes }) => [id, sizeBytes])).toEqual([
      [idOf(app), 5],
      [undefined, 6],
    ]);
  });
});

describe("an image is removed", () => {
  const blobsOf = (image: Image): readonly string[] => [
    image.descriptor.digest,
    image.manifest.config.digest,
    ...image.layers.map(({ descriptor }) => descriptor.digest),
  ];
  const present = (context: ImagesContext, image: Image): readonly boolean[] =>
    [image.descriptor, image.manifest.config, ...image.layers.map(({ descriptor }) => descriptor)].map((blob) =>
      context.store.blobs.isPresent(blob),
    );

  test("with its last name; what another needs stays", async () => {
    const context = await imagesContext();
    const app = await storeImage(context.store, [APP], SPEC);
    const other = await storeImage(context.store, ["docker.io/library/other:1"], OTHER);
    await tagImage(context, hex(other).slice(0, 8), "app:1");
    // It lost its name, and is there.
    expect((await listImages(context)).map(({ tags }) => tags)).toContainEqual([]);
    expect(await removeImage(context, "app:1")).toEqual({ untagged: ["app:1"], deleted: [] });
    const { deleted } = await removeImage(context, "other:1");
    expect(deleted).toHaveLength(2);
    // The first layer is also the first of the other.
    expect(present(context, other)).toEqual([false, false, true, false]);
    expect(await removeImage(context, hex(app))).toMatchObject({
      untagged: [],
      deleted: [idOf(app), expect.any(String)],
    });
    expect(blobsOf(app).length + present(context, app).filter(Boolean).length).toBe(3);
    await expect(removeImage(context, "app:1")).rejects.toMatchObject({ code: "IMAGE_NOT_FOUND" });
  });

  test("by its ID only when its names are of one repository, or by force", async () => {
    const context = await imagesContext();
    const app = await storeImage(context.store, [APP, "docker.io/library/app:2", "r.example/x:1"], SPEC);
    await expect(removeImage(context, hex(app))).rejects.toMatchObject({ code: "IMAGE_IN_USE" });
    expect((await removeImage(context, hex(app), { force: true })).untagged.toSorted()).toEqual([
      "app:1",
      "app:2",
      "r.example/x:1",
    ]);
    expect(await listImages(context)).toEqual([]);
  });

  test("and what a container needs stays, also by force", async () => {
    const context = await imagesContext();
    const app = await storeImage(context.store, [APP], SPEC);
    const pinned = [{ name: "work", descriptor: app.descriptor }];
    await expect(removeImage(context, "app:1", { pinned })).rejects.toThrow(
      "container work is using its referenced image",
    );
    expect(await removeImage(context, "app:1", { pinned, force: true })).toEqual({ untagged: ["app:1"], deleted: [] });
    expect(await listImages(context)).toMatchObject([{ tags: [] }]);
    expect(present(context, app)).toEqual([true, true, true]);
  });

  test("K6: while others give names to what shares its layers, nobody loses anything", async () => {
    const { root } = await imagesContext();
    for (let round = 0; round < 20; round++) {
      // Two openings of one store: they share nothing but the folder.
      const [one, two] = [await imagesContext(root), await imagesContext(root)];
      await storeImage(one.store, [APP], SPEC);
      const give = async (): Promise<Image> => {
        for (;;) {
          const image = await addImage(two.store.blobs, OTHER);
          const requires = [image.manifest.config, ...image.layers.map(({ descriptor }) => descriptor)];
          try {
            await two.store.images.tag("docker.io/library/other:1", image.descriptor, { requires });
            return image;
          } catch (error) {
            expect(error).toMatchObject({ code: "BLOB_NOT_FOUND" });
          }
        }
      };
      const [other] = await Promise.all([give(), removeImage(one, "app:1")]);
      expect(present(two, other)).toEqual([true, true, true, true]);
      expect((await listImages(two)).flatMap(({ tags }) => tags)).toEqual(["docker.io/library/other:1"]);
      await removeImage(two, "other:1");
    }
  });
});
