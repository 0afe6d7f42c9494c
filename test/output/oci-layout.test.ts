import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openLayout } from "../../src/cache/oci-layout.js";
import { findEntry, parseLayoutIndex } from "../../src/oci/layout.js";
import { formatReference, parseReference } from "../../src/oci/reference.js";
import { ociLayout } from "../../src/output/oci-layout.js";
import { validateImage } from "../../src/testing/validate-image.js";
import { exporterContract } from "../contract/exporter.js";
import { folderSnapshot } from "../support/folder-snapshot.js";
import { buildResult } from "../support/images.js";
import { tempFolder } from "../support/temp-folder.js";

const read = async (path: string, wanted: string) => {
  const index = await parseLayoutIndex(readFileSync(join(path, "index.json")), path);
  const descriptor = findEntry(index, formatReference(parseReference(wanted)), path);
  return { blobs: (await openLayout(path)).blobs, descriptor };
};

for (const existing of [false, true]) {
  exporterContract({
    name: existing ? "oci layout in an empty folder" : "oci layout",
    severalPlatforms: true,
    unnamed: true,
    target: async (dir) => {
      const path = join(dir, "layout");
      if (existing) mkdirSync(path);
      return { exporter: ociLayout(path), snapshot: async () => folderSnapshot(dir), read: (name) => read(path, name) };
    },
  });
}

describe("an existing OCI layout", () => {
  it("keeps its images; a name moves to the new one", async () => {
    const path = join(tempFolder(), "layout");
    const first = await buildResult([{}], ["app:1", "app:2"]);
    const second = await buildResult([{ layers: [[{ path: "b", content: "b" }]] }], ["app:2"]);
    await ociLayout(path).export(first.result, first.blobs);
    await ociLayout(path).export(second.result, second.blobs);
    for (const [name, { result }] of [
      ["app:1", first],
      ["app:2", second],
    ] as const) {
      const { blobs, descriptor } = await read(path, name);
      expect(descriptor.digest).toBe(result.images[0]!.descriptor.digest);
      await validateImage(blobs, descriptor);
    }
  });

  it("stays as it was when an export into it fails", async () => {
    const path = join(tempFolder(), "layout");
    const first = await buildResult([{}], ["app:1"]);
    await ociLayout(path).export(first.result, first.blobs);
    const before = folderSnapshot(path);
    const second = await buildResult([{ layers: [[{ path: "b", content: "b" }]] }], ["app:1"]);
    await expect(ociLayout(path).export(second.result, first.blobs)).rejects.toMatchObject({ code: "BLOB_NOT_FOUND" });
    expect(folderSnapshot(path)).toEqual(before);
  });

  it("is refused when it is damaged or of another version", async () => {
    const { result, blobs } = await buildResult();
    for (const [file, content] of [
      ["oci-layout", '{"imageLayoutVersion":"9.0.0"}'],
      ["index.json", '{"schemaVersion":2,"layers":[]}'],
    ] as const) {
      const path = join(tempFolder(), "layout");
      await ociLayout(path).export(result, blobs);
      writeFileSync(join(path, file), content);
      await expect(ociLayout(path).export(result, blobs)).rejects.toMatchObject({ code: "DOCUMENT_INVALID" });
    }
  });
});

describe("another folder or file", () => {
  it("is not written into", async () => {
    const dir = tempFolder();
    writeFileSync(join(dir, "precious"), "x");
    const { result, blobs } = await buildResult();
    await expect(ociLayout(dir).export(result, blobs)).rejects.toMatchObject({ code: "OUTPUT_INVALID" });
    await expect(ociLayout(join(dir, "precious")).export(result, blobs)).rejects.toMatchObject({
      code: "OUTPUT_INVALID",
    });
    expect(existsSync(join(dir, "oci-layout"))).toBe(false);
  });

  it("below a missing folder is an error that names the output", async () => {
    const { result, blobs } = await buildResult();
    const path = join(tempFolder(), "no", "layout");
    await expect(ociLayout(path).export(result, blobs)).rejects.toMatchObject({
      code: "OUTPUT_FAILED",
      details: { output: path },
    });
  });
});
