import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type FileIdentity, openStatCache } from "../../src/context/stat-cache.js";
import { comparePaths } from "../../src/tree/paths.js";
import type { ByteString } from "../../src/util/bytes.js";
import { p } from "../support/trees.js";

const NOW = 1_800_000_000_000;

function identity(fields: Partial<FileIdentity> = {}): FileIdentity {
  return {
    ino: 11,
    size: 22,
    mode: 0o644,
    mtimeSeconds: 1_700_000_000,
    mtimeNanos: 5,
    ctimeSeconds: 1_700_000_001,
    ctimeNanos: 6,
    ...fields,
  };
}

function digest(byte: number): Buffer {
  return Buffer.alloc(32, byte);
}

function cacheOf(entries: Readonly<Record<string, Partial<FileIdentity>>>, nowMs = NOW): Buffer {
  const cache = openStatCache(undefined, nowMs);
  for (const [index, [path, fields]] of Object.entries(entries).entries()) {
    cache.record(p(path), identity(fields), digest(index + 1));
  }
  return cache.encode()!;
}

test("gives back what was recorded, in the same build and in the next", () => {
  const bytes = cacheOf({ a: {}, "d/b": { size: 0 } });
  const next = openStatCache(bytes, NOW);
  expect(next.lookup(p("a"), identity())).toEqual(digest(1));
  expect(next.lookup(p("d/b"), identity({ size: 0 }))).toEqual(digest(2));
  expect(next.lookup(p("c"), identity())).toBeUndefined();
  next.record(p("c"), identity(), digest(9));
  expect(next.lookup(p("c"), identity())).toEqual(digest(9));
});

test.each(Object.keys(identity()) as (keyof FileIdentity)[])("a file whose %s differs is not known", (field) => {
  const next = openStatCache(cacheOf({ a: {} }), NOW);
  expect(next.lookup(p("a"), identity({ [field]: 12_345 }))).toBeUndefined();
});

test("is to be saved only when something was recorded", () => {
  const bytes = cacheOf({ a: {} });
  const next = openStatCache(bytes, NOW);
  next.lookup(p("a"), identity());
  next.lookup(p("b"), identity());
  expect(next.encode()).toBeUndefined();
  next.record(p("b"), identity(), digest(2));
  expect(next.encode()).toBeDefined();
});

test("a new record replaces the old one of its path, and others stay", () => {
  const first = openStatCache(cacheOf({ a: {}, b: {}, c: {} }), NOW);
  first.record(p("b"), identity({ size: 1 }), digest(7));
  first.record(p("bb"), identity(), digest(8));
  const next = openStatCache(first.encode(), NOW);
  expect(next.lookup(p("b"), identity())).toBeUndefined();
  expect(next.lookup(p("b"), identity({ size: 1 }))).toEqual(digest(7));
  expect(next.lookup(p("bb"), identity())).toEqual(digest(8));
  expect(next.lookup(p("a"), identity())).toEqual(digest(1));
  expect(next.lookup(p("c"), identity())).toEqual(digest(3));
});

describe("K8: young files are not trusted", () => {
  const startedSeconds = NOW / 1000;

  test.each([
    ["changed one second before the build", { ctimeSeconds: startedSeconds - 1 }],
    ["written one second before the build", { mtimeSeconds: startedSeconds - 1 }],
    ["changed during the build", { ctimeSeconds: startedSeconds + 5 }],
    ["written in the future", { mtimeSeconds: startedSeconds + 1_000_000 }],
  ])("one that was %s is not remembered", (_, fields) => {
    const cache = openStatCache(undefined, NOW);
    cache.record(p("a"), identity(fields), digest(1));
    expect(cache.lookup(p("a"), identity(fields))).toEqual(digest(1));
    expect(cache.encode()).toBeUndefined();
  });

  test("one that was changed three seconds before the build is", () => {
    const fields = { ctimeSeconds: startedSeconds - 3, mtimeSeconds: startedSeconds - 3 };
    expect(openStatCache(cacheOf({ a: fields }), NOW).lookup(p("a"), identity(fields))).toEqual(digest(1));
  });

  test("a record that a young file has outdated is dropped", () => {
    const cache = openStatCache(cacheOf({ a: {}, b: {} }), NOW);
    cache.record(p("a"), identity({ ctimeSeconds: startedSeconds }), digest(5));
    cache.record(p("c"), identity(), digest(6));
    expect(openStatCache(cache.encode(), NOW).lookup(p("a"), identity())).toBeUndefined();
  });
});

describe("K5: damaged bytes are an empty cache", () => {
  const bytes = cacheOf({ a: {}, "d/b": {} });

  test("whichever byte is damaged, and wherever they are cut", () => {
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 1;
      expect(openStatCache(damaged, NOW).lookup(p("a"), identity()), `byte ${at}`).toBeUndefined();
      expect(openStatCache(bytes.subarray(0, at), NOW).lookup(p("a"), identity()), `cut at ${at}`).toBeUndefined();
    }
  });
});

test("agrees with a Map, whatever the order of recording and of looking up", () => {
  const path = fc.string({ unit: fc.constantFrom("a", "b", "/", "-", "\xff"), minLength: 1, maxLength: 5 });
  const records = fc.array(fc.tuple(path, fc.nat(3), fc.nat(255)), { maxLength: 20 });
  fc.assert(
    fc.property(records, records, fc.array(path), (first, second, asked) => {
      const model = new Map<string, { size: number; sha256: Buffer }>();
      let bytes: Buffer | undefined;
      for (const round of [first, second]) {
        const cache = openStatCache(bytes, NOW);
        for (const [name, size, byte] of round) {
          cache.record(name as ByteString, identity({ size }), digest(byte));
          model.set(name, { size, sha256: digest(byte) });
        }
        bytes = cache.encode() ?? bytes;
      }
      const cache = openStatCache(bytes, NOW);
      for (const name of [...asked, ...model.keys()]) {
        const known = model.get(name);
        expect(cache.lookup(name as ByteString, identity({ size: known?.size ?? 0 }))).toEqual(known?.sha256);
      }
    }),
  );
});

test("the same records give the same bytes, whatever their order", () => {
  const names = ["b", "a/x", "a-b", "a", "a/y/z"];
  const encode = (order: readonly string[]): Buffer => {
    const cache = openStatCache(undefined, NOW);
    for (const name of order) cache.record(p(name), identity(), digest(1));
    return cache.encode()!;
  };
  expect(encode(names)).toEqual(encode([...names].sort(comparePaths)));
});
