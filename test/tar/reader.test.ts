import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { TarEntry } from "../../src/tar/entry.js";
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
