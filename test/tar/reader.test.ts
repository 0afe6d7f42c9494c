import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { TarEntry } from "../../src/tar/entry.js";
import { TAR_LIMITS } from "../../src/tar/limits.js";
import { readTar, TarReader } from "../../src/tar/reader.js";
import { type ByteString, bytesOf } from "../../src/util/bytes.js";
import { arbitraryEntry } from "./arbitrary.js";
import { base256, END, meta, octal, padded, type RawHeader, rawHeader, records } from "./raw-archive.js";
import { entryOf, headerOf, readAll, tarOf } from "./support.js";

const file = (header: RawHeader, content = ""): Buffer =>
  Buffer.concat([rawHeader({ size: octal(content.length, 11), ...header }), padded(content)]);
const archive = (...parts: readonly Buffer[]): Buffer => Buffer.concat([...parts, END]);
const paths = (tar: Buffer): string[] => readAll(tar).map(({ entry }) => entry.path);
const first = (tar: Buffer): TarEntry => readAll(tar)[0]!.entry;
const code = (expected: string): unknown => expect.objectContaining({ code: expected });

describe("TarReader", () => {
  it("U13 C10: reads what was written, whatever the values", () => {
    const entries = fc.array(arbitraryEntry(2000), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(entries, (written) => {
        const contents = new Map(written.map((entry, index) => [index, Buffer.alloc(entry.size, index + 1)]));
        const read = readAll(tarOf(written, contents));
        expect(read.map(({ entry }) => entry)).toEqual(written);
        read.forEach(({ content }, index) => {
          expect(content.equals(contents.get(index)!)).toBe(true);
        });
      }),
      { numRuns: 150 },
    );
  });

  it("tells where each content begins", () => {
    const written = [
      entryOf({ path: "a", size: 3 }),
      entryOf({ path: "日", size: 0 }),
      entryOf({ path: "c", size: 513 }),
    ];
    const tar = tarOf(
      written,
      new Map([
        [0, Buffer.from("abc")],
        [2, Buffer.alloc(513, 7)],
      ]),
    );
    const read = readAll(tar);
    for (const { content, dataOffset } of read) {
      expect(tar.subarray(dataOffset, dataOffset + content.length).equals(content)).toBe(true);
    }
    expect(read.map(({ dataOffset }) => dataOffset)).toEqual([512, 2560, 3072]);
  });

  it("gives the same for any split of the bytes", () => {
    const tar = archive(
      meta("L", `${"long/".repeat(30)}name\0`),
      file({ name: "short", magic: "gnu" }, "gnu content"),
      meta(
        "x",
        records([
          ["path", "pax name"],
          ["mtime", "1.25"],
          ["SCHILY.xattr.user.a", "\0\xff"],
        ]),
      ),
      file({ name: "short" }, "x".repeat(700)),
      file({ name: "dir/", type: "5" }),
    );
    const whole = readAll(tar);
    fc.assert(
      fc.property(fc.array(fc.nat(tar.length), { maxLength: 40 }), (cuts) => {
        expect(readAll(tar, cuts)).toEqual(whole);
      }),
    );
    expect(
      readAll(
        tar,
        Array.from({ length: tar.length }, (_, at) => at),
      ),
    ).toEqual(whole);
  });

  it("skips content without a look at it, beyond 8 GiB too", () => {
    const size = 9 * 1024 ** 3;
    const seen: TarEntry[] = [];
    const reader = new TarReader({ entry: (entry) => seen.push(entry) });
    const chunk = Buffer.alloc(64 * 1024 ** 2);
    reader.write(headerOf(entryOf({ path: "huge", size })));
    for (let left = size; left > 0; left -= chunk.length) reader.write(chunk);
    reader.write(Buffer.concat([headerOf(entryOf({ path: "after" })), END]));
    reader.end();
    expect(seen.map(({ path, size: bytes }) => [path, bytes])).toEqual([
      ["huge", size],
      ["after", 0],
    ]);
  });
});

describe("precedence", () => {
  it("U9: PAX size wins over ustar size, for the content and for the skip over it", () => {
    const inner = Buffer.concat([file({ name: "hidden" }, "secret")]).toString("latin1");
    const tar = archive(
      meta("x", records([["size", String(inner.length)]])),
      rawHeader({ name: "outer" }),
      padded(inner),
      file({ name: "last" }),
    );
    expect(paths(tar)).toEqual(["outer", "last"]);
    expect(readAll(tar)[0]?.content.toString("latin1")).toBe(inner);
  });

  it("U9: PAX size does not count for the headers between it and its entry", () => {
    const tar = archive(
      meta("x", records([["size", "3"]])),
      meta("L", "long name\0"),
      rawHeader({ magic: "gnu" }),
      padded("abc"),
      file({ name: "b" }),
    );
    expect(readAll(tar).map(({ entry, content }) => [entry.path, content.toString()])).toEqual([
      ["long name", "abc"],
      ["b", ""],
    ]);
  });

  it("U9: PAX or GNU names and links win over those of ustar", () => {
    const gnu = [meta("L", "gnu\0"), meta("K", "gnu-link\0")];
    const pax = meta(
      "x",
      records([
        ["path", "pax"],
        ["linkpath", "pax-link"],
      ]),
    );
    const link = rawHeader({ name: "ustar", link: "ustar-link", type: "2", magic: "gnu" });
    const names = (tar: Buffer): string[] => [first(tar).path, first(tar).linkname];
    expect(names(archive(pax, link))).toEqual(["pax", "pax-link"]);
    expect(names(archive(...gnu, link))).toEqual(["gnu", "gnu-link"]);
    expect(names(archive(link))).toEqual(["ustar", "ustar-link"]);
  });

  it("U9: PAX and GNU names or links that differ are refused, whichever comes first", () => {
    const link = rawHeader({ name: "ustar", link: "ustar-link", type: "2", magic: "gnu" });
    for (const [type, key] of [
      ["L", "path"],
      ["K", "linkpath"],
    ] as const) {
      const gnu = meta(type, "name\0");
      const other = meta("x", records([[key, "other"]]));
      const same = meta("x", records([[key, "name"]]));
      expect(() => readAll(archive(gnu, other, link))).toThrow(code("TAR_INVALID"));
      expect(() => readAll(archive(other, gnu, link))).toThrow(code("TAR_INVALID"));
      expect(readAll(archive(gnu, same, link))).toHaveLength(1);
    }
  });

  it("U9: extended headers hold for one entry, and an empty value for none", () => {
    const tar = archive(
      meta(
        "x",
        records([
          ["path", "renamed"],
          ["uid", "7"],
        ]),
      ),
      file({ name: "a" }),
      meta("x", records([["path", ""]])),
      file({ name: "b" }),
    );
    expect(readAll(tar).map(({ entry }) => [entry.path, entry.uid])).toEqual([
      ["renamed", 7],
      ["b", 0],
    ]);
  });

  it("U9: what is no file has no content, whatever its size says", () => {
    for (const type of ["1", "2", "3", "4", "5", "6"]) {
      const tar = archive(rawHeader({ name: "a", link: "b", type, size: octal(512, 11) }), file({ name: "next" }));
      expect(paths(tar)).toEqual(["a", "next"]);
    }
  });

  it("U9: global headers are not applied, and refused where they would move entries", () => {
    expect(
      first(
        archive(
          meta(
            "g",
            records([
              ["mtime", "5"],
              ["comment", "x"],
            ]),
          ),
          file({}),
        ),
      ).mtimeSeconds,
    ).toBe(1_000_000);
    for (const key of ["path", "linkpath", "size", "GNU.sparse.size"]) {
      expect(() => readAll(archive(meta("g", records([[key, "5"]])), file({})))).toThrow(code("TAR_UNSUPPORTED"));
    }
  });
});

describe("dialects", () => {
  it("reads GNU numbers beyond octal, also before 1970", () => {
    const entry = first(archive(rawHeader({ uid: base256(2 ** 31, 8), mtime: base256(-5, 12), magic: "gnu" })));
    expect([entry.uid, entry.mtimeSeconds]).toEqual([2 ** 31, -5]);
  });

  it("joins the ustar prefix, and takes none where GNU or older formats have other fields", () => {
    const named = (magic: RawHeader["magic"]): string[] =>
      paths(archive(rawHeader({ name: "n", prefix: "p", magic: magic! })));
    expect([named("ustar"), named("gnu"), named("v7")]).toEqual([["p/n"], ["n"], ["n"]]);
  });

  it("takes a file of old formats whose name ends in a slash for a directory", () => {
    expect(first(archive(rawHeader({ name: "d/", type: "\0", magic: "v7" }))).type).toBe("dir");
    expect(first(archive(rawHeader({ name: "f", type: "\0", magic: "v7" }))).type).toBe("file");
    expect(first(archive(rawHeader({ name: "f", type: "7" }))).type).toBe("file");
  });

  it("keeps device numbers for devices only", () => {
    const numbers = { major: octal(8, 7), minor: octal(1, 7) };
    const read = (type: string): number[] => {
      const entry = first(archive(rawHeader({ type, ...numbers })));
      return [entry.devMajor, entry.devMinor];
    };
    expect([read("4"), read("0")]).toEqual([
      [8, 1],
      [0, 0],
    ]);
  });

  it("keeps permission bits of modes that hold a file type too", () => {
    expect(first(archive(rawHeader({ mode: octal(0o100755, 7) }))).mode).toBe(0o755);
  });

  it("keeps xattrs, empty ones too, byte for byte", () => {
    const tar = archive(
      meta(
        "x",
        records([
          ["SCHILY.xattr.security.capability", "\x01\0\0\x02\n="],
          ["SCHILY.xattr.user.e", ""],
        ]),
      ),
      file({}),
    );
    expect(first(tar).xattrs).toEqual(
      new Map([
        ["security.capability", Buffer.from("\x01\0\0\x02\n=", "latin1")],
        ["user.e", Buffer.alloc(0)],
      ]),
    );
  });

  it("refuses sparse files by name, in all four forms", () => {
    const sparse = [
      archive(rawHeader({ name: "holes", type: "S", magic: "gnu" })),
      archive(
        meta(
          "x",
          records([
            ["GNU.sparse.size", "9"],
            ["GNU.sparse.numblocks", "1"],
          ]),
        ),
        file({ name: "holes" }),
      ),
      archive(
        meta(
          "x",
          records([
            ["GNU.sparse.name", "holes"],
            ["GNU.sparse.map", "0,1"],
          ]),
        ),
        file({ name: "x" }),
      ),
      archive(
        meta(
          "x",
          records([
            ["GNU.sparse.major", "1"],
            ["GNU.sparse.minor", "0"],
            ["GNU.sparse.name", "holes"],
          ]),
        ),
        file({ name: "x" }),
      ),
    ];
    for (const tar of sparse) {
      expect(() => readAll(tar)).toThrow(
        expect.objectContaining({ code: "TAR_UNSUPPORTED", message: expect.stringContaining('"holes"') }),
      );
    }
  });

  it("refuses types it does not know", () => {
    for (const type of ["V", "M", "D", "Z", "\x80"]) {
      expect(() => readAll(archive(rawHeader({ type })))).toThrow(code("TAR_UNSUPPORTED"));
    }
  });
});

describe("names", () => {
  it("U1: are relative and normal", () => {
    const names = ["/etc/a", "./b", "c//d/", "e/../f", "g/./h"];
    expect(paths(archive(...names.map((name) => file({ name }))))).toEqual(["etc/a", "b", "c/d", "f", "g/h"]);
    expect(first(archive(rawHeader({ name: "a", type: "1", link: "/x/./y" }))).linkname).toBe("x/y");
  });

  it("keep symlink targets as they are", () => {
    expect(first(archive(rawHeader({ name: "a", type: "2", link: "../..//x/./" }))).linkname).toBe("../..//x/./");
  });

  it.each([
    ["a name that leaves the root", file({ name: "../a" })],
    ["a hard link that leaves the root", rawHeader({ type: "1", link: "../../etc/passwd" })],
    ["a hard link to the root", rawHeader({ type: "1", link: "./" })],
    ["a link without target", rawHeader({ type: "2" })],
    ["a NUL byte in a name", Buffer.concat([meta("x", records([["path", "a\0b"]])), file({})])],
    ["a NUL byte in a link", Buffer.concat([meta("x", records([["linkpath", "a\0b"]])), rawHeader({ type: "2" })])],
    ["a root that is a file", file({ name: "./" })],
    ["a root that is a symlink", rawHeader({ name: "/", type: "2", link: "x" })],
  ])("U1 U2 U3: refuses %s", (_what, part) => {
    expect(() => readAll(archive(part))).toThrow(code("TAR_INVALID"));
  });

  it("takes the root as a directory", () => {
    expect([first(archive(rawHeader({ name: "./", type: "5" }))).path]).toEqual([""]);
  });
});

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

  it("U10: refuses a million sparse regions", () => {
    const map = records([
      ["GNU.sparse.map", "1,1,".repeat(200_000)],
      ["GNU.sparse.name", "x"],
    ]);
    expect(() => readAll(archive(meta("x", map), file({})))).toThrow(code("TAR_UNSUPPORTED"));
  });
});

describe("readTar", () => {
  it("closes the chunks when the archive is bad, and takes plain Uint8Arrays", async () => {
    let isClosed = false;
    async function* chunks(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield new Uint8Array(512).fill(1);
      } finally {
        isClosed = true;
      }
    }
    await expect(readTar(chunks(), { entry: () => {} })).rejects.toMatchObject({ code: "TAR_INVALID" });
    expect(isClosed).toBe(true);
  });

  it("stops with the signal's reason", async () => {
    const abort = new AbortController();
    const reason = new Error("enough");
    async function* chunks(): AsyncGenerator<Uint8Array> {
      yield file({});
      abort.abort(reason);
      yield file({});
    }
    await expect(readTar(chunks(), { entry: () => {} }, { signal: abort.signal })).rejects.toBe(reason);
  });

  it("shows non-ASCII names of its errors as text", () => {
    const path = bytesOf("../ä") as ByteString;
    expect(() => readAll(archive(file({ name: path })))).toThrow(/"\.\.\/ä"/);
  });
});

function mend(tar: Buffer, at: number): void {
  let sum = 8 * 0x20;
  for (let i = at; i < at + 512; i++) sum += i >= at + 148 && i < at + 156 ? 0 : (tar[i] as number);
  tar.write(`${octal(sum, 6)} `, at + 148, 8, "latin1");
}
