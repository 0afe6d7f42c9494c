import { appendFileSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openStore, type Store } from "../../src/cache/store.js";
import { blobStoreContract } from "../contract/blob-store.js";
import { collect, describeBlob } from "../support/blobs.js";
import { tempFolder } from "../support/temp-folder.js";

blobStoreContract("folder", async () => (await openStore(join(tempFolder(), "store"))).blobs);

async function storeWith(content: Buffer): Promise<{ store: Store; warnings: string[] }> {
  const warnings: string[] = [];
  const store = await openStore(join(tempFolder(), "store"), { onWarning: (message) => warnings.push(message) });
  await store.blobs.write(describeBlob(content), [content]);
  return { store, warnings };
}

function filesIn(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);
}

describe("blobs in a folder", () => {
  test("a written blob is a file named by its digest in a valid OCI layout, and no temporary file stays", async () => {
    const { store } = await storeWith(Buffer.from("content"));
    const blob = describeBlob("content");
    expect(store.blobs.pathOf(blob.digest)).toBe(join(store.root, "images", "blobs", "sha256", blob.digest.slice(7)));
    expect(readFileSync(store.blobs.pathOf(blob.digest), "utf8")).toBe("content");
    expect(JSON.parse(readFileSync(join(store.root, "images", "oci-layout"), "utf8"))).toEqual({
      imageLayoutVersion: "1.0.0",
    });
    expect(JSON.parse(readFileSync(join(store.root, "images", "index.json"), "utf8"))).toMatchObject({
      schemaVersion: 2,
      manifests: [],
    });
    expect(readdirSync(join(store.root, "tmp"))).toEqual([]);
  });

  test("failed writes leave no temporary file", async () => {
    const { store } = await storeWith(Buffer.from("content"));
    await expect(store.blobs.write(describeBlob("right"), [Buffer.from("wrong")])).rejects.toThrow();
    expect(readdirSync(join(store.root, "tmp"))).toEqual([]);
  });

  test("S3, K5: a flipped byte is found when the blob is read, and the blob is a miss from then on", async () => {
    for (const at of [0, 600_000, 1_499_999]) {
      const content = Buffer.alloc(1_500_000, 9);
      const { store, warnings } = await storeWith(content);
      const blob = describeBlob(content);
      const damaged = Buffer.from(content);
      damaged[at] = 8;
      writeFileSync(store.blobs.pathOf(blob.digest), damaged);

      await expect(collect(store.blobs.open(blob))).rejects.toMatchObject({ code: "BLOB_DIGEST_MISMATCH" });
      expect(await store.blobs.has(blob)).toBe(false);
      expect(await (await openStore(store.root)).blobs.has(blob)).toBe(false);
      expect(warnings).toEqual([expect.stringContaining(blob.digest)]);

      await store.blobs.write(blob, [content]);
      expect(content.equals(await collect(store.blobs.open(blob)))).toBe(true);
    }
  });

  test("S3: damage in a blob of one chunk is found before any byte is given out", async () => {
    const { store } = await storeWith(Buffer.from("small"));
    const blob = describeBlob("small");
    writeFileSync(store.blobs.pathOf(blob.digest), "smell");
    const seen: Buffer[] = [];
    await expect(async () => {
      for await (const chunk of store.blobs.open(blob)) seen.push(chunk);
    }).rejects.toMatchObject({ code: "BLOB_DIGEST_MISMATCH" });
    expect(seen).toEqual([]);
  });

  test("K2: a blob that is empty, cut or too long is a miss, and the next write heals it", async () => {
    for (const damage of [
      (path: string) => writeFileSync(path, ""),
      (path: string) => writeFileSync(path, "cont"),
      (path: string) => appendFileSync(path, "x"),
    ]) {
      const { store } = await storeWith(Buffer.from("content"));
      const blob = describeBlob("content");
      damage(store.blobs.pathOf(blob.digest));
      expect(await store.blobs.has(blob)).toBe(false);
      await expect(collect(store.blobs.open(blob))).rejects.toMatchObject({ code: "BLOB_SIZE_MISMATCH" });
      await store.blobs.write(blob, [Buffer.from("content")]);
      expect((await collect(store.blobs.open(blob))).toString()).toBe("content");
    }
  });

  test("a blob whose digest is known at the end is published by name, once", async () => {
    const { store } = await storeWith(Buffer.from("other"));
    const blob = describeBlob("late");
    for (let round = 0; round < 2; round++) {
      const file = store.blobs.create();
      file.write(Buffer.from("la"));
      file.write(Buffer.from("te"));
      expect(file.sizeBytes).toBe(4);
      await store.blobs.publish(file, blob.digest);
      expect((await collect(store.blobs.open(blob))).toString()).toBe("late");
    }
    expect(readdirSync(join(store.root, "tmp"))).toEqual([]);
  });

  test("L8: files are 0600 and folders 0700, also with umask 000", async () => {
    if (process.platform === "win32") return;
    const before = process.umask(0);
    try {
      const { store } = await storeWith(Buffer.from("private"));
      store.stats.save("a".repeat(64), Buffer.from("stat"));
      await store.images.add(describeBlob("private"));
      for (const entry of readdirSync(store.root, { recursive: true, withFileTypes: true })) {
        const mode = statSync(join(entry.parentPath, entry.name)).mode & 0o777;
        expect([entry.name, mode.toString(8)]).toEqual([entry.name, entry.isDirectory() ? "700" : "600"]);
      }
      expect(statSync(store.root).mode & 0o777).toBe(0o700);
      expect(filesIn(store.root).length).toBeGreaterThan(4);
    } finally {
      process.umask(before);
    }
  });
});
