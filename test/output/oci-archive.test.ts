import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { formatReference, parseReference } from "../../src/oci/reference.js";
import { dockerArchive } from "../../src/output/docker-archive.js";
import { ociArchive } from "../../src/output/oci-archive.js";
import { exporterContract } from "../contract/exporter.js";
import { folderSnapshot } from "../support/folder-snapshot.js";
import { buildResult } from "../support/images.js";
import { readImageArchive } from "../support/read-archive.js";
import { tempFolder } from "../support/temp-folder.js";

for (const [name, create, severalPlatforms] of [
  ["oci archive", ociArchive, true],
  ["docker archive", dockerArchive, false],
] as const) {
  exporterContract({
    name,
    severalPlatforms,
    unnamed: true,
    target: async (dir) => {
      const path = join(dir, "image.tar");
      return {
        exporter: create({ path }),
        snapshot: async () => folderSnapshot(dir),
        read: async (wanted) => {
          const { blobs, index } = await readImageArchive(path);
          const found = index.manifests.find(
            (entry) => entry.annotations?.["io.containerd.image.name"] === formatReference(parseReference(wanted)),
          );
          return { blobs, descriptor: found! };
        },
      };
    },
  });
}

describe("image archives", () => {
  it("put small documents before layers, and hold each blob once", async () => {
    const path = join(tempFolder(), "a.tar");
    const { result, blobs } = await buildResult([{}, { platform: "linux/arm64" }]);
    await ociArchive({ path }).export(result, blobs);
    const { names } = await readImageArchive(path);
    expect(names.slice(0, 4)).toEqual(["oci-layout", "index.json", "blobs/", "blobs/sha256/"]);
    // Index, two manifests, two configs, and the layer that both images share.
    expect(names.slice(4)).toHaveLength(6);
    expect(names.at(-1)).toBe(`blobs/sha256/${result.images[0]!.layers[0]!.descriptor.digest.slice(7)}`);
  });

  it("list one image for docker load with short names, whichever of the two they are", async () => {
    const { result, blobs } = await buildResult(
      [{ layers: [[{ path: "a" }], [{ path: "a" }]] }],
      ["app:1", "r.example/x:2"],
    );
    for (const create of [ociArchive, dockerArchive]) {
      const path = join(tempFolder(), "a.tar");
      await create({ path }).export(result, blobs);
      const { files } = await readImageArchive(path);
      const layer = `blobs/sha256/${result.images[0]!.layers[0]!.descriptor.digest.slice(7)}`;
      expect(JSON.parse(files.get("manifest.json")!.toString())).toEqual([
        {
          Config: `blobs/sha256/${result.images[0]!.manifest.config.digest.slice(7)}`,
          RepoTags: ["app:1", "r.example/x:2"],
          Layers: [layer, layer],
        },
      ]);
    }
  });

  it("list nothing for docker load when there are several platforms: it could only take one", async () => {
    const path = join(tempFolder(), "a.tar");
    const { result, blobs } = await buildResult([{}, { platform: "linux/arm64" }]);
    await ociArchive({ path }).export(result, blobs);
    expect((await readImageArchive(path)).files.has("manifest.json")).toBe(false);
  });

  it("go to a stream, which stays open", async () => {
    const path = join(tempFolder(), "a.tar");
    const { result, blobs } = await buildResult();
    const stream = new PassThrough();
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    await ociArchive({ stream, name: "standard output" }).export(result, blobs);
    expect(stream.writableEnded).toBe(false);
    await ociArchive({ path }).export(result, blobs);
    expect(Buffer.concat(chunks).equals(readFileSync(path))).toBe(true);
  });

  it("replace a file as a whole and keep its mode, through a symlink too", async () => {
    const dir = tempFolder();
    mkdirSync(join(dir, "real"));
    const path = join(dir, "real", "a.tar");
    writeFileSync(path, "old");
    chmodSync(path, 0o640);
    symlinkSync("real/a.tar", join(dir, "link.tar"));
    const { result, blobs } = await buildResult();
    await ociArchive({ path: join(dir, "link.tar") }).export(result, blobs);
    expect(readdirSync(dir).sort()).toEqual(["link.tar", "real"]);
    expect(statSync(path).mode & 0o777).toBe(0o640);
    expect((await readImageArchive(path)).index.manifests).toHaveLength(1);
  });

  it("leave the old file as it was when they fail", async () => {
    const dir = tempFolder();
    const path = join(dir, "a.tar");
    writeFileSync(path, "old");
    const { result } = await buildResult();
    const { blobs: none } = await buildResult([{ layers: [] }]);
    await expect(ociArchive({ path }).export(result, none)).rejects.toMatchObject({ code: "BLOB_NOT_FOUND" });
    expect(readFileSync(path, "utf8")).toBe("old");
    expect(readdirSync(dir)).toEqual(["a.tar"]);
  });

  it("say what is wrong with a path", async () => {
    const dir = tempFolder();
    const { result, blobs } = await buildResult();
    await expect(ociArchive({ path: dir }).export(result, blobs)).rejects.toMatchObject({
      code: "OUTPUT_INVALID",
      message: `output "${dir}" expected to be a file but is a folder`,
    });
    await expect(ociArchive({ path: join(dir, "no", "a.tar") }).export(result, blobs)).rejects.toMatchObject({
      code: "OUTPUT_INVALID",
      message: expect.stringContaining("does not exist"),
    });
  });

  it("write to a device as it is", async () => {
    const { result, blobs } = await buildResult();
    await ociArchive({ path: "/dev/null" }).export(result, blobs);
    expect(statSync("/dev/null").isCharacterDevice()).toBe(true);
  });
});
