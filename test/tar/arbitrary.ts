/** Arbitrary tar entries, extreme values included (U13, C10). */
import fc from "fast-check";
import type { TarEntry } from "../../src/tar/entry.js";
import type { ByteString } from "../../src/util/bytes.js";

/** Components of any bytes but NUL and slash, mostly short, some over 100 and 255 bytes long. */
const component: fc.Arbitrary<string> = fc
  .oneof(
    { weight: 6, arbitrary: fc.stringMatching(/^[a-zA-Z0-9._-]{1,20}$/) },
    { weight: 2, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 30 }).map(latin1) },
    { weight: 1, arbitrary: fc.string({ unit: "grapheme", minLength: 1, maxLength: 10 }).map(utf8) },
    { weight: 1, arbitrary: fc.integer({ min: 90, max: 300 }).map((length) => "n".repeat(length)) },
  )
  .map((text) => text.replace(/[\0/]/g, "_"))
  .map((text) => (text === "." || text === ".." ? "dot" : text));

export const arbitraryPath: fc.Arbitrary<ByteString> = fc
  .array(component, { minLength: 1, maxLength: 5 })
  .map((components) => components.join("/") as ByteString);

const arbitraryId = fc.oneof(
  fc.constantFrom(0, 1000, 65534, 262143, 262144, 2_097_151, 2_097_152, 2 ** 32 - 2),
  fc.nat(),
);
const arbitrarySeconds = fc.oneof(
  fc.constantFrom(0, -1, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 8 ** 11 - 1, 8 ** 11, -(2 ** 31)),
  fc.integer({ min: -(2 ** 33), max: 2 ** 34 }),
);
const arbitraryNanos = fc.oneof(fc.constantFrom(0, 0, 0, 1, 500_000_000, 999_999_999), fc.nat(999_999_999));
const arbitraryMode = fc.oneof(fc.constantFrom(0, 0o644, 0o755, 0o4755, 0o7777), fc.nat(0o7777));
const arbitraryXattrs = fc.oneof(
  { weight: 4, arbitrary: fc.constant(undefined) },
  {
    weight: 1,
    arbitrary: fc
      .uniqueArray(
        fc.tuple(
          fc.stringMatching(/^(user|security|trusted)\.[a-z_%0-9]{1,12}$/).map((name) => name as ByteString),
          fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array)),
        ),
        { minLength: 1, maxLength: 3, selector: ([name]) => name },
      )
      .map((pairs) => new Map(pairs)),
  },
);

/** Any entry that a tar can hold; files have up to `maxSize` bytes. */
export function arbitraryEntry(maxSize: number): fc.Arbitrary<TarEntry> {
  const type = fc.constantFrom<TarEntry["type"]>(
    "file",
    "file",
    "file",
    "dir",
    "symlink",
    "hardlink",
    "char",
    "block",
    "fifo",
  );
  return fc
    .record({
      type,
      path: arbitraryPath,
      target: arbitraryPath,
      mode: arbitraryMode,
      uid: arbitraryId,
      gid: arbitraryId,
      size: fc.oneof(fc.constantFrom(0, 1, 511, 512, 513), fc.nat(maxSize)),
      mtimeSeconds: arbitrarySeconds,
      mtimeNanos: arbitraryNanos,
      devMajor: fc.nat(4095),
      devMinor: fc.nat(1_048_575),
      xattrs: arbitraryXattrs,
    })
    .map(({ target, ...fields }) => {
      const isDevice = fields.type === "char" || fields.type === "block";
      const isLink = fields.type === "symlink" || fields.type === "hardlink";
      return {
        ...fields,
        size: fields.type === "file" ? Math.min(fields.size, maxSize) : 0,
        linkname: isLink ? target : ("" as ByteString),
        devMajor: isDevice ? fields.devMajor : 0,
        devMinor: isDevice ? fields.devMinor : 0,
      };
    });
}

function latin1(array: Uint8Array): string {
  return Buffer.from(array).toString("latin1");
}

function utf8(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}
