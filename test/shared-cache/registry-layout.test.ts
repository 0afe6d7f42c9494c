import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CacheKey } from "../../src/cache/key.js";
import { digestOf } from "../../src/oci/digest.js";
import { isTag } from "../../src/oci/reference.js";
import type { ImageIndex } from "../../src/oci/types.js";
import {
  encodeCacheIndex,
  entriesOf,
  entryTag,
  type IndexedEntry,
  isCacheIndex,
  MAX_CACHE_TAG,
  mergeEntries,
} from "../../src/shared-cache/registry-layout.js";

const entry = (number: number, isComplete = true): IndexedEntry => ({
  key: digestOf(String(number)).slice(7) as CacheKey,
  descriptor: { mediaType: "application/vnd.oci.image.manifest.v1+json", digest: digestOf(`d${number}`), size: number },
  isComplete,
});
const decoded = (bytes: Buffer): ImageIndex => JSON.parse(bytes.toString()) as ImageIndex;
const entries = fc.array(fc.tuple(fc.nat(30), fc.boolean()).map(([number, isComplete]) => entry(number, isComplete)));

describe("the index of a cache", () => {
  test("reads as it was written", () => {
    const written = [entry(1), entry(2, false)];
    const index = decoded(encodeCacheIndex(written));
    expect(isCacheIndex(index)).toBe(true);
    expect(entriesOf(index)).toEqual(written);
  });

  test("is bounded, and what was used least recently leaves it first", () => {
    const many = Array.from({ length: 5000 }, (_, at) => entry(at));
    const bytes = encodeCacheIndex(many);
    expect(bytes.length).toBeLessThan(2 * 1024 * 1024);
    const kept = entriesOf(decoded(bytes));
    expect(kept).toEqual(many.slice(0, kept.length));
    expect(kept.length).toBeGreaterThan(500);
  });

  test("leaves out what is no entry", () => {
    const index = decoded(encodeCacheIndex([entry(1)]));
    const [one] = index.manifests;
    const others = [
      { ...one!, annotations: {} },
      { ...one!, artifactType: "application/x" },
      { ...one!, annotations: { "dev.ocibuild.cache.key": "../x" } },
    ];
    expect(entriesOf({ ...index, manifests: [...others, one!] })).toEqual([entry(1)]);
  });
});

describe("merging", () => {
  test("keeps every key of both sides once, the own ones first", () => {
    fc.assert(
      fc.property(entries, entries, (own, others) => {
        const merged = mergeEntries(own, others);
        const keys = merged.map(({ key }) => key);
        expect(new Set(keys)).toEqual(new Set([...own, ...others].map(({ key }) => key)));
        expect(new Set(keys).size).toBe(keys.length);
        const ownKeys = new Set(own.map(({ key }) => key));
        expect(keys.slice(0, ownKeys.size).every((key) => ownKeys.has(key))).toBe(true);
      }),
    );
  });

  test("never loses a complete entry to an incomplete one, and is the same merged again", () => {
    fc.assert(
      fc.property(entries, entries, (own, others) => {
        const merged = mergeEntries(own, others);
        for (const one of [...own, ...others]) {
          if (one.isComplete) expect(merged.find(({ key }) => key === one.key)?.isComplete).toBe(true);
        }
        expect(mergeEntries(merged, others)).toEqual(merged);
      }),
    );
  });
});

test("an entry's tag is a tag, however long the cache's is", () => {
  expect(isTag(entryTag("c".repeat(MAX_CACHE_TAG), entry(1).key))).toBe(true);
  expect(isTag(entryTag("c".repeat(MAX_CACHE_TAG + 1), entry(1).key))).toBe(false);
});
