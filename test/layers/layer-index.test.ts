import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeLayerIndex,
  encodeLayerIndex,
  type IndexedEntry,
  indexedEntry,
  indexTar,
} from "../../src/layers/layer-index.js";
import { digestOf } from "../../src/oci/digest.js";
import { arbitraryEntry } from "../tar/arbitrary.js";
import { entryOf, readAll, tarOf } from "../tar/support.js";

const arbitraryIndex: fc.Arbitrary<IndexedEntry[]> = fc
  .array(
    fc.tuple(
      arbitraryEntry(10 ** 13),
      fc.nat(40),
      fc.option(fc.uint8Array({ minLength: 32, maxLength: 32 }), { nil: undefined }),
    ),
    { maxLength: 8 },
  )
  .map((items) => {
    let offset = 0;
    return items.map(([entry, gap, digest]) => {
      const dataOffset = offset + gap * 512;
      offset = dataOffset + Math.ceil(entry.size / 512) * 512;
      return indexedEntry(entry, dataOffset, digest === undefined ? undefined : Buffer.from(digest));
    });
  });

describe("layer index", () => {
  it("U13: comes back as it was, whatever the entries", () => {
    fc.assert(
      fc.property(arbitraryIndex, (entries) => {
        const bytes = encodeLayerIndex(entries);
        expect(decodeLayerIndex(bytes)).toEqual(entries);
        expect(encodeLayerIndex(entries).equals(bytes)).toBe(true);
      }),
    );
  });

  it("K5 S3: is a miss when any byte of it is another or missing", () => {
    const bytes = encodeLayerIndex([
      indexedEntry(entryOf({ path: "a/b", size: 7 }), 512, Buffer.alloc(32, 1)),
      indexedEntry(entryOf({ path: "c", type: "symlink", linkname: "a" }), 1536),
    ]);
    for (let at = 0; at < bytes.length; at++) {
      for (const flip of [1, 0x80]) {
        const bad = Buffer.from(bytes);
        bad[at] = (bad[at] as number) ^ flip;
        expect(decodeLayerIndex(bad)).toBeUndefined();
      }
      expect(decodeLayerIndex(bytes.subarray(0, at))).toBeUndefined();
    }
    expect(decodeLayerIndex(Buffer.concat([bytes, Buffer.alloc(1)]))).toBeUndefined();
  });

  it("holds 50,000 entries in about 40 bytes and their name each", () => {
    const entries = Array.from({ length: 50_000 }, (_, index) =>
      indexedEntry(entryOf({ path: `node_modules/package-${index}/index.js`, size: index }), 512 + index * 65536),
    );
    const bytes = encodeLayerIndex(entries);
    expect(bytes.length).toBeLessThan(50_000 * 72);
    expect(decodeLayerIndex(bytes)).toHaveLength(50_000);
  });
});

describe("indexTar", () => {
  const tar = tarOf([entryOf({ path: "a", size: 600 }), entryOf({ path: "日", type: "dir" })]);

  it("tells diffID, size and entries with their places, for any split of the bytes", async () => {
    const expected = readAll(tar).map(({ entry, dataOffset }) => indexedEntry(entry, dataOffset));
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 3000 }), async (step) => {
        const chunks = Array.from({ length: Math.ceil(tar.length / step) }, (_, i) =>
          tar.subarray(i * step, (i + 1) * step),
        );
        const indexed = await indexTar(chunks);
        expect(indexed).toEqual({ diffId: digestOf(tar), tarSizeBytes: tar.length, entries: expected });
      }),
      { numRuns: 30 },
    );
  });

  it("D1: hashes the padding after the end of the archive too", async () => {
    const long = Buffer.concat([tar, Buffer.alloc(8192)]);
    expect(await indexTar([long])).toMatchObject({ diffId: digestOf(long), tarSizeBytes: long.length });
  });

  it("U12: gives no index of a tar that is cut off", async () => {
    await expect(indexTar([tar.subarray(0, 700)])).rejects.toMatchObject({ code: "TAR_INVALID" });
  });
});
