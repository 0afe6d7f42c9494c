import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeHeader, headerSizeBound } from "../../src/tar/header.js";
import { arbitraryEntry } from "./arbitrary.js";
import { entryOf, headerOf } from "./support.js";

const field = (header: Buffer, at: number, length: number): string => header.toString("latin1", at, at + length);

describe("encodeHeader", () => {
  it("writes one ustar block for an ordinary entry", () => {
    const header = headerOf(entryOf({ path: "usr/bin/node", mode: 0o4755, uid: 1000, gid: 100, size: 42 }));
    expect(header.length).toBe(512);
    expect(field(header, 0, 13)).toBe("usr/bin/node\0");
    expect(field(header, 100, 8)).toBe("0004755\0");
    expect(field(header, 108, 8)).toBe("0001750\0");
    expect(field(header, 116, 8)).toBe("0000144\0");
    expect(field(header, 124, 12)).toBe("00000000052\0");
    expect(field(header, 136, 12)).toBe("14524770400\0");
    expect(field(header, 156, 1)).toBe("0");
    expect(field(header, 257, 8)).toBe("ustar\x0000");
  });

  it("names neither user nor group", () => {
    expect(field(headerOf(entryOf({ path: "a" })), 265, 64)).toBe("\0".repeat(64));
  });

  it("ends directories in a slash and calls the root ./", () => {
    expect(field(headerOf(entryOf({ path: "etc", type: "dir" })), 0, 5)).toBe("etc/\0");
    expect(field(headerOf(entryOf({ path: "", type: "dir" })), 0, 3)).toBe("./\0");
  });

  it("cuts names of 101 to 256 bytes at a slash, without an extended header", () => {
    const path = `${"p".repeat(150)}/${"n".repeat(99)}`;
    const header = headerOf(entryOf({ path }));
    expect(header.length).toBe(512);
    expect(field(header, 345, 150)).toBe("p".repeat(150));
    expect(field(header, 0, 100)).toBe(`${"n".repeat(99)}\0`);
  });

  it("puts nothing but a fixed name and the records into the extended header", () => {
    const header = headerOf(entryOf({ path: "日", mtimeNanos: 5, uid: 3_000_000 }));
    expect(header.length).toBe(1536);
    expect(field(header, 0, 13)).toBe("PaxHeaders.0\0");
    expect(field(header, 108, 8)).toBe("0000000\0");
    expect(field(header, 136, 12)).toBe("00000000000\0");
    const records = "30 mtime=1700000000.000000005\n12 path=日\n15 uid=3000000\n";
    expect(header.toString("utf8", 512, 1024).replace(/\0+$/, "")).toBe(records);
  });

  it("C10: leaves short names that are not UTF-8 to the ustar header alone", () => {
    const header = headerOf(entryOf({ path: "a\xff" }));
    expect(header.length).toBe(512);
    expect(field(header, 0, 3)).toBe("a\xff\0");
  });

  it("stays within its bound and writes whole blocks, the same for equal entries", () => {
    fc.assert(
      fc.property(arbitraryEntry(10 ** 13), (entry) => {
        const first = Buffer.alloc(headerSizeBound(entry) + 1, 1);
        const second = Buffer.alloc(headerSizeBound(entry) + 600, 2);
        const length = encodeHeader(entry, first, 0);
        expect(length % 512).toBe(0);
        expect(length).toBeLessThanOrEqual(headerSizeBound(entry));
        expect(encodeHeader({ ...entry }, second, 512)).toBe(length);
        expect(second.subarray(512, 512 + length).equals(first.subarray(0, length))).toBe(true);
      }),
    );
  });

  it.each([
    [{ path: "a", mode: 0o10000 }, "mode"],
    [{ path: "a", mode: -1 }, "mode"],
    [{ path: "a", uid: -1 }, "uid"],
    [{ path: "a", gid: 1.5 }, "gid"],
    [{ path: "a", size: Number.NaN }, "size"],
    [{ path: "a", type: "dir", size: 1 }, "size"],
    [{ path: "a", mtimeSeconds: 2 ** 60 }, "mtimeSeconds"],
    [{ path: "a", mtimeNanos: 1_000_000_000 }, "mtimeNanos"],
    [{ path: "a", type: "char", devMajor: 2 ** 32 }, "devMajor"],
    [{ path: "" }, "path"],
    [{ path: "../a" }, "path"],
    [{ path: "/a" }, "path"],
    [{ path: "a/" }, "path"],
    [{ path: "a\0b" }, "path"],
    [{ path: "a", type: "symlink" }, "linkname"],
    [{ path: "a", type: "symlink", linkname: "x\0y" }, "linkname"],
    [{ path: "a", type: "hardlink", linkname: "../x" }, "linkname"],
    [{ path: "a", linkname: "x" }, "linkname"],
    [{ path: "a", xattrs: new Map([["user.a=b", Buffer.alloc(1)]]) }, "extended attribute"],
  ] as const)("U1 U8: refuses %j for its %s", (fields, name) => {
    expect(() => headerOf(entryOf(fields as Parameters<typeof entryOf>[0]))).toThrow(
      expect.objectContaining({ code: "LAYER_INVALID", message: expect.stringContaining(name) }),
    );
  });

  it("U10: refuses what its reader would refuse as too long", () => {
    const limit =
      (fields: Parameters<typeof entryOf>[0]): (() => Buffer) =>
      () =>
        headerOf(entryOf(fields));
    expect(limit({ path: "n".repeat(64 * 1024 + 1) })).toThrow(expect.objectContaining({ code: "TAR_LIMIT" }));
    expect(limit({ path: "a", type: "symlink", linkname: "n".repeat(64 * 1024 + 1) })).toThrow(
      expect.objectContaining({ code: "TAR_LIMIT" }),
    );
    const xattrs = new Map([["user.big", Buffer.alloc(1024 * 1024)]]) as never;
    expect(limit({ path: "a", xattrs })).toThrow(expect.objectContaining({ code: "TAR_LIMIT" }));
  });
});
