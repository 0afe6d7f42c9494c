import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { layeredReader } from "../../src/cache/layered-reader.js";
import { MemoryBlobs } from "../../src/cache/memory-blobs.js";
import { openStore } from "../../src/cache/store.js";
import { collect, describeBlob } from "../support/blobs.js";
import { tempFolder } from "../support/temp-folder.js";

test("reads each blob from the first place that has it", async () => {
  const [first, second] = [new MemoryBlobs(), new MemoryBlobs()];
  await first.write(describeBlob("one"), [Buffer.from("one")]);
  await second.write(describeBlob("two"), [Buffer.from("two")]);
  const reader = layeredReader([first, second]);
  for (const content of ["one", "two"]) {
    expect(await reader.has(describeBlob(content))).toBe(true);
    expect((await collect(reader.open(describeBlob(content)))).toString()).toBe(content);
  }
});

test("a blob that no place has is BLOB_NOT_FOUND, also with no place at all", async () => {
  for (const places of [[], [new MemoryBlobs(), new MemoryBlobs()]]) {
    const reader = layeredReader(places);
    expect(await reader.has(describeBlob("none"))).toBe(false);
    await expect(collect(reader.open(describeBlob("none")))).rejects.toMatchObject({ code: "BLOB_NOT_FOUND" });
  }
});

test("S3: a small blob that is damaged in the store comes from the next place, in the same reading", async () => {
  const store = await openStore(join(tempFolder(), "store"));
  const origin = new MemoryBlobs();
  const blob = describeBlob("manifest");
  for (const place of [store.blobs, origin]) await place.write(blob, [Buffer.from("manifest")]);
  writeFileSync(store.blobs.pathOf(blob.digest), "manifesT");
  const reader = layeredReader([store.blobs, origin]);
  expect((await collect(reader.open(blob))).toString()).toBe("manifest");
});

test("S3: a large blob that is damaged fails once, and comes from the next place when it is read again", async () => {
  const store = await openStore(join(tempFolder(), "store"));
  const origin = new MemoryBlobs();
  const content = Buffer.alloc(2 << 20, 1);
  const blob = describeBlob(content);
  for (const place of [store.blobs, origin]) await place.write(blob, [content]);
  const damaged = Buffer.from(content);
  damaged[100] = 2;
  writeFileSync(store.blobs.pathOf(blob.digest), damaged);
  const reader = layeredReader([store.blobs, origin]);
  await expect(collect(reader.open(blob))).rejects.toMatchObject({ code: "BLOB_DIGEST_MISMATCH" });
  expect(content.equals(await collect(reader.open(blob)))).toBe(true);
});

test("an error that is not about the blob is not swallowed", async () => {
  const broken = {
    has: () => Promise.resolve(true),
    // biome-ignore lint/correctness/useYield: it fails before its first chunk
    open: async function* (): AsyncGenerator<Buffer> {
      throw new Error("disk on fire");
    },
  };
  const reader = layeredReader([broken, new MemoryBlobs()]);
  await expect(collect(reader.open(describeBlob("x")))).rejects.toThrow("disk on fire");
});
