import { existsSync, readdirSync, readFileSync, truncateSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { MemoryBlobs } from "../../src/cache/memory-blobs.js";
import { openStore, type Store } from "../../src/cache/store.js";
import { LayerStore } from "../../src/layers/layer-store.js";
import { openVerified } from "../../src/layers/open-verified.js";
import type { BlobReader } from "../../src/oci/blobs.js";
import { type DiffId, digestOf } from "../../src/oci/digest.js";
import type { Layer } from "../../src/oci/types.js";
import { addLayer, type FileSpec, tarOf } from "../support/images.js";
import { tempFolder } from "../support/temp-folder.js";
import { p } from "../support/trees.js";

const FILES: readonly FileSpec[] = [
  { path: "a", content: "content of a" },
  { path: "b", content: "content of b ".repeat(100) },
];

interface Scene {
  readonly store: Store;
  readonly layers: LayerStore;
  readonly layer: Layer;
  /** How often the blob was read from where the image came from. */
  readonly reads: () => number;
  readonly warnings: readonly string[];
}

/** A store, and an image's layer that is somewhere else. */
async function scene(root: string = join(tempFolder(), "store")): Promise<Scene> {
  const warnings: string[] = [];
  const store = await openStore(root, { onWarning: (message) => warnings.push(message) });
  const origin = new MemoryBlobs();
  const layer = await addLayer(origin, tarOf(FILES));
  let count = 0;
  const counting: BlobReader = {
    has: (blob, options) => origin.has(blob, options),
    open: (blob, options) => {
      count++;
      return origin.open(blob, options);
    },
  };
  const layers = new LayerStore(store);
  layers.register([layer], counting);
  return { store, layers, layer, reads: () => count, warnings };
}

async function contentOf({ layers, layer }: Scene, path: string): Promise<string> {
  const tree = await layers.tree([layer.diffId], {});
  const { content, meta } = tree.find(p(path))!;
  await layers.prepareContents([content], {});
  const bytes = Buffer.alloc(meta.size);
  const reader = openVerified(content!, meta.size);
  for (let at = 0; at < bytes.length; ) at += reader.read(bytes, at, bytes.length - at);
  reader.close();
  return bytes.toString();
}

describe("layers of one build", () => {
  test("are read once for their index and once for their bytes, then found in the store", async () => {
    const first = await scene();
    expect(first.layers.isAvailable(first.layer.diffId)).toBe(true);
    expect(await contentOf(first, "a")).toBe("content of a");
    expect(await contentOf(first, "b")).toBe("content of b ".repeat(100));
    expect(first.reads()).toBe(2);
    first.layers[Symbol.dispose]();
    const second = await scene(first.store.root);
    expect(await contentOf(second, "a")).toBe("content of a");
    expect(second.reads()).toBe(0);
    second.layers[Symbol.dispose]();
  });

  test("asked for by many at once are read once", async () => {
    const { layers, layer, reads } = await scene();
    const trees = await Promise.all(Array.from({ length: 10 }, () => layers.tree([layer.diffId], {})));
    expect(new Set(trees).size).toBe(1);
    await Promise.all(Array.from({ length: 10 }, () => layers.ensureTar(layer.diffId, {})));
    expect(reads()).toBe(2);
  });

  test("that could not be had are asked for again the next time", async () => {
    const { store } = await scene();
    const layers = new LayerStore(store);
    const { diffId } = (await addLayer(new MemoryBlobs(), tarOf(FILES))) satisfies Layer;
    await expect(layers.tree([diffId], {})).rejects.toMatchObject({ code: "BLOB_NOT_FOUND", hint: expect.any(String) });
    await expect(layers.ensureTar(diffId, {})).rejects.toMatchObject({ code: "BLOB_NOT_FOUND" });
    const blobs = new MemoryBlobs();
    layers.register([await addLayer(blobs, tarOf(FILES))], blobs);
    expect((await layers.tree([diffId], {})).lstat(p("a"))?.type).toBe("file");
    await layers.ensureTar(diffId, {});
  });

  test("whose reading is aborted reject with the reason, leave nothing, and can be had later", async () => {
    const { store, layers, layer } = await scene();
    await expect(layers.ensureTar(layer.diffId, { signal: AbortSignal.abort("stop") })).rejects.toBe("stop");
    expect(existsSync(join(store.root, "tmp")) ? readdirSync(join(store.root, "tmp")) : []).toEqual([]);
    await layers.ensureTar(layer.diffId, {});
    expect(store.layers.hasTar(layer.diffId)).toBe(true);
  });

  test("closes every file, also after damage", async () => {
    if (process.platform !== "linux") return;
    const openFiles = (): number => readdirSync("/proc/self/fd").length;
    const before = openFiles();
    for (let round = 0; round < 5; round++) {
      const made = await scene();
      await contentOf(made, "a");
      if (round % 2 === 0) made.layers.damagedTar(made.layer.diffId);
      made.layers[Symbol.dispose]();
    }
    expect(openFiles()).toBe(before);
  });
});

describe("K5: a damaged layer in the store", () => {
  const damages: readonly (readonly [string, (path: string) => void])[] = [
    ["has another byte", (path) => flip(path, "content of a")],
    ["is cut off", (path) => truncateSync(path, 900)],
    ["is gone", (path) => unlinkSync(path)],
  ];

  test.each(damages)("that %s before it is read is had from elsewhere, and is whole afterwards", async (_, damage) => {
    const first = await scene();
    await contentOf(first, "a");
    const path = first.store.layers.tarPath(first.layer.diffId);
    damage(path);
    // Nothing but the tar: its index is gone too, so all of it is read.
    unlinkSync(path.replace(/tar$/, "index"));
    const second = await scene(first.store.root);
    expect(await contentOf(second, "a")).toBe("content of a");
    expect(digestOf(readFileSync(path))).toBe(first.layer.diffId);
  });

  test.each(damages)(
    "that %s when only one file of it is read is an error, and whole the next time",
    async (what, damage) => {
      const first = await scene();
      await contentOf(first, "a");
      first.layers[Symbol.dispose]();
      const second = await scene(first.store.root);
      await second.layers.ensureTar(second.layer.diffId, {});
      damage(second.store.layers.tarPath(second.layer.diffId));
      await expect(contentOf(second, what === "is cut off" ? "b" : "a")).rejects.toMatchObject({
        code: "BLOB_NOT_FOUND",
      });
      expect(second.store.lostCount).toBe(1);
      expect(second.warnings).toHaveLength(1);
      expect(await contentOf(second, "a")).toBe("content of a");
      expect(await contentOf(second, "b")).toBe("content of b ".repeat(100));
    },
  );

  test("a tar whose files cannot be checked one by one is checked as a whole before one is read", async () => {
    const first = await scene();
    // Made by who only wanted to know what is in it: without digests of the files.
    await first.layers.tree([first.layer.diffId], {});
    const index = readFileSync(first.store.layers.tarPath(first.layer.diffId).replace(/tar$/, "index"));
    await contentOf(first, "a");
    const path = first.store.layers.tarPath(first.layer.diffId);
    writeFileSync(path.replace(/tar$/, "index"), index);
    flip(path, "content of a");
    const second = await scene(first.store.root);
    expect(await contentOf(second, "a")).toBe("content of a");
    expect(second.reads()).toBe(1);
  });

  test("a blob that no longer decompresses is fetched again; one that never did is an error", async () => {
    const { store, layer } = await scene();
    const blobs = new MemoryBlobs();
    await addLayer(blobs, tarOf(FILES));
    await store.blobs.write(layer.descriptor, blobs.open(layer.descriptor));
    const path = store.blobs.pathOf(layer.descriptor.digest);
    const bytes = readFileSync(path);
    bytes[20] = bytes[20]! ^ 0xff;
    writeFileSync(path, bytes);
    // As the pipeline reads them: through the store, from the origin when it is not there.
    const { FetchingReader } = await import("../../src/cache/fetching-reader.js");
    const source = {
      has: () => Promise.resolve(true),
      copyTo: (target: typeof store.blobs, blob: typeof layer.descriptor) => target.write(blob, blobs.open(blob)),
    };
    const watcher = { started: () => {}, progress: () => {}, finished: () => {} };
    const layers = new LayerStore(store);
    layers.register([layer], new FetchingReader(store.blobs, source as never, new Map(), watcher));
    await layers.ensureTar(layer.diffId, {});
    expect(digestOf(readFileSync(store.layers.tarPath(layer.diffId)))).toBe(layer.diffId);
    expect(digestOf(readFileSync(path))).toBe(layer.descriptor.digest);

    const broken = gzipSync(tarOf(FILES)).subarray(0, -20);
    const descriptor = { mediaType: layer.descriptor.mediaType, digest: digestOf(broken), size: broken.length };
    await blobs.write(descriptor, [broken]);
    const diffId = digestOf("other") as string as DiffId;
    layers.register([{ diffId, descriptor }], blobs);
    await expect(layers.ensureTar(diffId, {})).rejects.toMatchObject({ code: "COMPRESSION_INVALID" });
  });

  test("D6: a layer whose content is not what its diffID says is an error", async () => {
    const { store } = await scene();
    const blobs = new MemoryBlobs();
    const { descriptor } = await addLayer(blobs, tarOf(FILES));
    const diffId = digestOf("another") as string as DiffId;
    const layers = new LayerStore(store);
    layers.register([{ diffId, descriptor }], blobs);
    await expect(layers.tree([diffId], {})).rejects.toMatchObject({ code: "LAYER_DIFF_ID_MISMATCH" });
    await expect(layers.ensureTar(diffId, {})).rejects.toMatchObject({ code: "LAYER_DIFF_ID_MISMATCH" });
    expect(store.layers.hasTar(diffId)).toBe(false);
    expect(store.layers.readIndex(diffId)).toBeUndefined();
  });
});

function flip(path: string, text: string): void {
  const bytes = readFileSync(path);
  const at = bytes.indexOf(text);
  bytes[at] = bytes[at]! ^ 1;
  writeFileSync(path, bytes);
}
