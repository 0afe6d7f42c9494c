import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { importImageArchive } from "../../src/cache/image-archive.js";
import { openStore, type Store } from "../../src/cache/store.js";
import { CONTAINERD_NAME } from "../../src/oci/layout.js";
import { readImage } from "../../src/oci/read-image.js";
import { type ArchiveFile, packArchive } from "../../src/tar/archive.js";
import { validateImage } from "../../src/testing/validate-image.js";
import { tempFolder } from "../support/temp-folder.js";

const AMD64 = { os: "linux", architecture: "amd64" };

function file(name: string, content: Buffer | string): ArchiveFile {
  const bytes = Buffer.from(content);
  return { name, sizeBytes: bytes.length, body: [bytes] };
}

const hex = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
const LAYER = Buffer.alloc(1024);
const CONFIG = Buffer.from(
  JSON.stringify({
    architecture: "amd64",
    os: "linux",
    rootfs: { type: "layers", diff_ids: [`sha256:${hex(LAYER)}`] },
  }),
);

/** What `docker save` wrote before version 25. */
function savedImage(manifest: unknown): ArchiveFile[] {
  return [
    file("cfg.json", CONFIG),
    file("abc/layer.tar", LAYER),
    file("abc/VERSION", "1.0"),
    file("manifest.json", JSON.stringify(manifest)),
  ];
}

async function importFiles(store: Store, files: ArchiveFile[]) {
  return importImageArchive(store.blobs, packArchive(files, { mtimeSeconds: 0 }), 'archive "a.tar"');
}

describe("importImageArchive", () => {
  it("makes a manifest for what docker save writes, under all its names", async () => {
    const store = await openStore(tempFolder());
    const index = await importFiles(
      store,
      savedImage([{ Config: "cfg.json", RepoTags: ["app:1", "r.example/x/app:2"], Layers: ["abc/layer.tar"] }]),
    );
    expect(index.manifests.map(({ annotations }) => annotations?.[CONTAINERD_NAME])).toEqual([
      "docker.io/library/app:1",
      "r.example/x/app:2",
    ]);
    await validateImage(store.blobs, index.manifests[0]!);
    const image = await readImage(store.blobs, index.manifests[0]!, { platform: AMD64, reference: "x" });
    expect(image.layers.map(({ diffId }) => diffId)).toEqual([`sha256:${hex(LAYER)}`]);
  });

  it("takes a layout in a tar as it is", async () => {
    const store = await openStore(tempFolder());
    const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [] }));
    const index = await importFiles(store, [
      file("oci-layout", '{"imageLayoutVersion":"1.0.0"}'),
      file("index.json", manifest),
    ]);
    expect(index.manifests).toEqual([]);
  });

  it.each([
    [
      "a path that is not there",
      [{ Config: "cfg.json", Layers: ["nope/layer.tar"] }],
      /names "nope\/layer.tar", which is not in the archive/,
    ],
    ["no list", { Config: "cfg.json" }, /expected a list/],
    ["an entry without layers", [{ Config: "cfg.json" }], /expected Config and Layers/],
    ["__proto__ for an entry", [{ __proto__: 1, Config: 7, Layers: [] }], /expected Config and Layers/],
  ])("refuses a manifest.json with %s", async (_what, manifest, message) => {
    const store = await openStore(tempFolder());
    await expect(importFiles(store, savedImage(manifest))).rejects.toThrow(message);
  });

  it("D1: refuses a blob that has not the digest of its name", async () => {
    const store = await openStore(tempFolder());
    const files = [file(`blobs/sha256/${"0".repeat(64)}`, "something else"), file("index.json", "{}")];
    await expect(importFiles(store, files)).rejects.toMatchObject({ code: "BLOB_DIGEST_MISMATCH" });
  });

  it("says what is missing in a tar of other files", async () => {
    const store = await openStore(tempFolder());
    await expect(importFiles(store, [file("readme.txt", "hello")])).rejects.toMatchObject({
      code: "IMAGE_NOT_FOUND",
      hint: expect.stringContaining("docker save"),
    });
  });
});
