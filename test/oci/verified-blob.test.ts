import { describe, expect, it } from "vitest";
import type { BlobReader } from "../../src/oci/blobs.js";
import { digestOf } from "../../src/oci/digest.js";
import type { Descriptor } from "../../src/oci/types.js";
import { readBlob, verifiedBlob } from "../../src/oci/verified-blob.js";
import { collect, describeBlob } from "../support/blobs.js";

const CONTENT = Buffer.from("0123456789".repeat(100));
const BLOB = describeBlob(CONTENT);

async function* split(bytes: Buffer, chunkBytes: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

function lying(bytes: Buffer): BlobReader {
  return { has: async () => true, open: () => split(bytes, 64) };
}

/** What arrived before the error. */
async function attempt(bytes: Buffer, blob: Descriptor, chunkBytes: number): Promise<{ seen: number; code: unknown }> {
  let seen = 0;
  try {
    for await (const chunk of verifiedBlob(split(bytes, chunkBytes), blob)) seen += chunk.length;
  } catch (error) {
    return { seen, code: (error as { code?: unknown }).code };
  }
  return { seen, code: undefined };
}

const flipped = (at: number): Buffer => {
  const bytes = Buffer.from(CONTENT);
  bytes[at]! ^= 1;
  return bytes;
};

describe("D1: verified blobs", () => {
  it("pass on the right bytes however they are cut", async () => {
    for (const size of [1, 7, 64, 999, 1000, 5000]) {
      expect(await collect(verifiedBlob(split(CONTENT, size), BLOB))).toEqual(CONTENT);
    }
    expect(await collect(verifiedBlob([], describeBlob("")))).toHaveLength(0);
  });

  it.each([
    ["one byte more", Buffer.concat([CONTENT, Buffer.from("x")]), "BLOB_SIZE_MISMATCH"],
    ["one byte less", CONTENT.subarray(0, -1), "BLOB_SIZE_MISMATCH"],
    ["nothing", Buffer.alloc(0), "BLOB_SIZE_MISMATCH"],
    ["a flip in the first byte", flipped(0), "BLOB_DIGEST_MISMATCH"],
    ["a flip in the middle", flipped(500), "BLOB_DIGEST_MISMATCH"],
    ["a flip in the last byte", flipped(999), "BLOB_DIGEST_MISMATCH"],
  ])("fail before the end for %s", async (_, bytes, code) => {
    for (const chunkBytes of [1, 64, 5000]) {
      const result = await attempt(bytes, BLOB, chunkBytes);
      expect(result.code).toBe(code);
      expect(result.seen).toBeLessThan(CONTENT.length);
    }
    await expect(readBlob(lying(bytes), BLOB, 4096)).rejects.toMatchObject({ code });
  });

  it("are not read at all when they say to be over the limit", async () => {
    const never: BlobReader = {
      has: async () => true,
      open: () => {
        throw new Error("opened");
      },
    };
    await expect(readBlob(never, BLOB, 999)).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
    expect(await readBlob(lying(CONTENT), BLOB, 1000)).toEqual(CONTENT);
    expect(digestOf(await readBlob(lying(CONTENT), BLOB, 1000))).toBe(BLOB.digest);
  });
});
