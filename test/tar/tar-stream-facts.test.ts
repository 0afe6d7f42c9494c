/**
 * What tar-stream does to a layer: the ground for a codec of our own (docs/decisions/0002). When one of these fails after an
 * update of tar-stream, the record is what has to change.
 */
import { extract, type Header, pack } from "tar-stream";
import { describe, expect, it } from "vitest";
import { meta, octal, rawHeader, records } from "./raw-archive.js";
import { entryOf, readAll, tarOf } from "./support.js";

type PackHeader = Partial<Header> & { readonly name: string; readonly pax?: Record<string, string> };

async function packed(header: PackHeader): Promise<Buffer> {
  const archive = pack();
  archive.entry({ type: "file", mtime: new Date(0), ...header }, "");
  archive.finalize();
  const parts: Buffer[] = [];
  for await (const chunk of archive) parts.push(chunk as Buffer);
  return Buffer.concat(parts);
}

const written = async (header: PackHeader): Promise<ReturnType<typeof readAll>[number]["entry"]> =>
  readAll(await packed(header))[0]!.entry;

async function extracted(tar: Buffer): Promise<Header & { pax: Record<string, string> }> {
  const archive = extract();
  archive.end(tar);
  for await (const entry of archive)
    return (entry as unknown as { header: Header & { pax: Record<string, string> } }).header;
  throw new Error("no entry");
}

describe("tar-stream 3.2.2", () => {
  it("writes ids above 262143 as 262143", async () => {
    expect(await written({ name: "a", uid: 262_143, gid: 262_144 })).toMatchObject({ uid: 262_143, gid: 262_143 });
    expect((await written({ name: "a", uid: 1_000_000 })).uid).toBe(262_143);
  });

  it("writes mode 0 as 0644", async () => {
    expect((await written({ name: "a", mode: 0 })).mode).toBe(0o644);
  });

  it("writes the present time where there is none, and drops fractions", async () => {
    const entry = await written({ name: "a", mtime: undefined as never });
    expect(entry.mtimeSeconds).toBeGreaterThan(1_700_000_000);
    expect(await written({ name: "a", mtime: new Date(1500) })).toMatchObject({ mtimeSeconds: 1, mtimeNanos: 0 });
  });

  it("writes a time in 2040 as the year 2242, and one before 1970 as something that is no number", async () => {
    expect((await written({ name: "a", mtime: new Date("2040-01-01") })).mtimeSeconds).toBe(8 ** 11 - 1);
    const tar = await packed({ name: "a", mtime: new Date(-1000) });
    expect(tar.toString("latin1", 136, 147)).toBe("000000000-1");
    expect(() => readAll(tar)).toThrow(expect.objectContaining({ code: "TAR_INVALID" }));
  });

  it("writes xattrs as UTF-8 text: other bytes are lost, and so they are on reading", async () => {
    const value = "\xff\xfe\x00";
    const entry = await written({ name: "a", pax: { "SCHILY.xattr.user.a": value } });
    expect([...entry.xattrs!.values()][0]?.toString("latin1")).not.toBe(value);
    const tar = tarOf([entryOf({ path: "a", xattrs: new Map([["user.a", Buffer.from(value, "latin1")]]) as never })]);
    expect(Buffer.from((await extracted(tar)).pax["SCHILY.xattr.user.a"]!, "latin1").toString("latin1")).not.toBe(
      value,
    );
  });

  it("reads names that are not UTF-8 as replacement characters", async () => {
    expect((await extracted(tarOf([entryOf({ path: "a\xff" })]))).name).toBe("a\ufffd");
  });

  it("does not apply PAX ids and times on reading", async () => {
    const tar = Buffer.concat([
      meta(
        "x",
        records([
          ["uid", "3000000"],
          ["mtime", "5000000000"],
        ]),
      ),
      rawHeader({ uid: octal(0, 7) }),
      Buffer.alloc(1024),
    ]);
    const header = await extracted(tar);
    expect([header.uid, header.mtime.getTime()]).toEqual([0, 1_000_000_000]);
  });

  it("gives directories no slash, and changes the header it is given", async () => {
    const tar = await packed({ name: "dir", type: "directory" });
    expect(tar.toString("latin1", 0, 5)).toBe("dir\0\0");
    const header: PackHeader = { name: "a" };
    pack().entry(header as never, "");
    expect(header).not.toEqual({ name: "a" });
  });
});
