import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { TarEntry } from "../../src/tar/entry.js";
import { TAR_LIMITS } from "../../src/tar/limits.js";
import { TarReader } from "../../src/tar/reader.js";
import { base256, END, meta, octal, padded, type RawHeader, rawHeader, records } from "./raw-archive.js";
import { entryOf, readAll, tarOf } from "./support.js";

const file = (header: RawHeader, content = ""): Buffer =>
  Buffer.concat([rawHeader({ size: octal(content.length, 11), ...header }), padded(content)]);
const archive = (...parts: readonly Buffer[]): Buffer => Buffer.concat([...parts, END]);
const first = (tar: Buffer): TarEntry => readAll(tar)[0]!.entry;
const code = (expected: string): unknown => expect.objectContaining({ code: expected });

describe("damage", () => {
  const good = tarOf([entryOf({ path: "a", size: 700 }), entryOf({ path: "日", size: 1 })]);

  it("U5 U12: an archive cut off within an entry is an error, wherever the cut is", () => {
    const ends = [0, 1536, 1536 + 2048];
    for (let length = 0; length < good.length - 1024; length += 1) {
      if (length % 64 !== 0 && length % 512 !== 511) continue;
      const read = (): unknown => readAll(good.subarray(0, length));
      if (ends.includes(length)) expect(read).not.toThrow();
      else expect(read).toThrow(code("TAR_INVALID"));
    }
  });

  it("U9: a wrong checksum is an error that says where", () => {
    for (const at of [0, 100, 130, 156, 300, 500]) {
      const bad = Buffer.from(good);
      bad[1536 + at] = (bad[1536 + at] as number) ^ 1;
      expect(() => readAll(bad)).toThrow(expect.objectContaining({ code: "TAR_INVALID", details: { offset: 1536 } }));
    }
  });

  it.each([
    ["negative size", rawHeader({ size: base256(-1, 12) })],
    ["size over 2^53", rawHeader({ size: `\x80\0\0\0\x7f${"\xff".repeat(7)}` })],
    ["size that is no number", rawHeader({ size: "12x456789ab" })],
    ["negative uid", rawHeader({ uid: base256(-1, 8) })],
    ["PAX size that is no number", Buffer.concat([meta("x", records([["size", "-1"]])), file({})])],
    ["PAX uid that is no number", Buffer.concat([meta("x", records([["uid", "root"]])), file({})])],
    ["PAX mtime that is no time", Buffer.concat([meta("x", records([["mtime", "now"]])), file({})])],
    ["malformed PAX record", Buffer.concat([meta("x", "12 path=abc"), file({})])],
    ["extended header before the end", meta("x", records([["path", "a"]]))],
    ["device number over 21 bits", rawHeader({ type: "3", major: base256(2 ** 32, 8) })],
    ["entry after one zero block", Buffer.concat([Buffer.alloc(512), file({})])],
  ])("U9: refuses a %s", (_what, part) => {
    expect(() => readAll(archive(part))).toThrow(code("TAR_INVALID"));
  });

  it("D1: reads on to the last byte after the end of the archive, and takes it for padding", () => {
    const seen: string[] = [];
    const reader = new TarReader({ entry: (entry) => seen.push(entry.path) });
    reader.write(Buffer.concat([archive(file({ name: "a" })), Buffer.alloc(9000), archive(file({ name: "b" }))]));
    reader.end();
    expect(seen).toEqual(["a"]);
    expect(reader.sizeBytes).toBe(1536 + 9000 + 1536);
  });

  it("S4: throws nothing but typed errors on any bytes", () => {
    const edits = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255), fc.boolean()), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(edits, (changes) => {
        const bad = Buffer.from(good);
        for (const [at, byte, mendChecksum] of changes) {
          bad[at] = byte;
          if (mendChecksum) mend(bad, at - (at % 512));
        }
        try {
          readAll(bad);
        } catch (error) {
          expect((error as { code: string }).code).toMatch(/^TAR_/);
        }
      }),
      { numRuns: 400 },
    );
  });
});

describe("U10 limits", () => {
  const limit = (name: string): unknown => expect.objectContaining({ code: "TAR_LIMIT", details: { limit: name } });

  it("U10: refuses an extended header of 2 GiB by its length, before a byte of it", () => {
    const reader = new TarReader({ entry: () => {} });
    expect(() => reader.write(rawHeader({ type: "x", size: octal(2 ** 31, 11) }))).toThrow(
      limit("extendedHeaderBytes"),
    );
    expect(() => reader.write(rawHeader({ type: "g", size: octal(2 ** 20 + 1, 11) }))).toThrow(
      limit("extendedHeaderBytes"),
    );
    expect(() => reader.write(rawHeader({ type: "L", size: octal(2 ** 31, 11) }))).toThrow(limit("nameBytes"));
  });

  it("U10: reads extended headers and names up to the limit", () => {
    const long = `${"d/".repeat(2000)}${"n".repeat(60_000)}`;
    expect(first(archive(meta("L", `${long}\0`), file({ magic: "gnu" }))).path).toBe(long);
    expect(first(archive(meta("x", records([["path", long]])), file({}))).path).toBe(long);
    const value = "v".repeat(TAR_LIMITS.extendedHeaderBytes - 40);
    expect(first(archive(meta("x", records([["SCHILY.xattr.user.v", value]])), file({}))).xattrs?.size).toBe(1);
  });

  it("U10: refuses longer names, deeper paths and more entries", () => {
    const name = "n".repeat(TAR_LIMITS.nameBytes + 1);
    expect(() => readAll(archive(meta("x", records([["path", name]])), file({})))).toThrow(limit("nameBytes"));
    expect(() => readAll(archive(meta("x", records([["linkpath", name]])), rawHeader({ type: "2" })))).toThrow(
      limit("nameBytes"),
    );
    expect(() => readAll(archive(meta("x", records([["path", "d/".repeat(4097)]])), rawHeader({ type: "5" })))).toThrow(
      limit("depth"),
    );
    const reader = new TarReader({ entry: () => {} }, { ...TAR_LIMITS, entries: 2 });
    reader.write(Buffer.concat([file({}), file({})]));
    expect(() => reader.write(file({}))).toThrow(limit("entries"));
  });

  it("U10: refuses many large names or attributes before they fill the memory", () => {
    const large = archive(meta("x", records([["SCHILY.xattr.user.v", "v".repeat(900_000)]])), file({})).subarray(
      0,
      -1024,
    );
    let read = 0;
    const reader = new TarReader({ entry: () => read++ });
    expect(() => {
      for (let count = 0; count < 50; count++) reader.write(large);
    }).toThrow(limit("metadataBytes"));
    expect(read).toBe(Math.floor(TAR_LIMITS.metadataBytes / 899_000));
    // Names of ordinary length do not count, however many they are.
    const many = new TarReader({ entry: () => read++ }, { ...TAR_LIMITS, metadataBytes: 0 });
    for (let count = 0; count < 1000; count++) many.write(file({}));
  });

  it("U10: refuses a million sparse regions", () => {
    const map = records([
      ["GNU.sparse.map", "1,1,".repeat(200_000)],
      ["GNU.sparse.name", "x"],
    ]);
    expect(() => readAll(archive(meta("x", map), file({})))).toThrow(code("TAR_UNSUPPORTED"));
  });
});

function mend(tar: Buffer, at: number): void {
  let sum = 8 * 0x20;
  for (let i = at; i < at + 512; i++) sum += i >= at + 148 && i < at + 156 ? 0 : (tar[i] as number);
  tar.write(`${octal(sum, 6)} `, at + 148, 8, "latin1");
}
