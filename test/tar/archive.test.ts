import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ArchiveFile, packArchive, readArchive } from "../../src/tar/archive.js";
import { END, octal, padded, rawHeader } from "./raw-archive.js";
import { readAll } from "./support.js";

const bytesOfArchive = async (
  files: Iterable<ArchiveFile> | AsyncIterable<ArchiveFile>,
  mtimeSeconds = 0,
): Promise<Buffer> => {
  const parts: Buffer[] = [];
  for await (const chunk of packArchive(files, { mtimeSeconds })) parts.push(Buffer.from(chunk));
  return Buffer.concat(parts);
};
const file = (name: string, content: string | Buffer): ArchiveFile => ({
  name,
  sizeBytes: content.length,
  body: [typeof content === "string" ? Buffer.from(content) : content],
});
const blob = (digit: string): string => `blobs/sha256/${digit.repeat(64)}`;

async function members(
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<(readonly [string, string])[]> {
  const found: (readonly [string, string])[] = [];
  for await (const member of readArchive(chunks)) {
    const parts: Buffer[] = [];
    for await (const chunk of member.body) parts.push(Buffer.from(chunk));
    found.push([member.name, Buffer.concat(parts).toString("latin1")]);
  }
  return found;
}

describe("packArchive", () => {
  it("writes a folder where the name ends in a slash", async () => {
    const tar = await bytesOfArchive([file("blobs/", ""), file("blobs/sha256/", ""), file(blob("a"), "x")]);
    const read = readAll(tar);
    expect(read.map(({ entry }) => [entry.path, entry.type, entry.mode, entry.size])).toEqual([
      ["blobs", "dir", 0o755, 0],
      ["blobs/sha256", "dir", 0o755, 0],
      [blob("a"), "file", 0o644, 1],
    ]);
  });

  it("writes files with mode 0644, no owner and the given time, the same bytes each time", async () => {
    const files = [
      file("oci-layout", '{"imageLayoutVersion":"1.0.0"}'),
      file(blob("a"), Buffer.alloc(3000, 1)),
      file("empty", ""),
    ];
    const tar = await bytesOfArchive(files, 1_700_000_000);
    expect(tar.equals(await bytesOfArchive(files, 1_700_000_000))).toBe(true);
    const read = readAll(tar);
    expect(read.map(({ entry }) => entry.path)).toEqual(["oci-layout", blob("a"), "empty"]);
    for (const { entry } of read) {
      expect(entry).toMatchObject({ type: "file", mode: 0o644, uid: 0, gid: 0, mtimeSeconds: 1_700_000_000 });
    }
    expect(read[1]?.content.equals(Buffer.alloc(3000, 1))).toBe(true);
  });

  it("takes bodies as they come, and asks for no more than is read", async () => {
    let asked = 0;
    async function* body(): AsyncGenerator<Buffer> {
      for (; asked < 100; asked++) yield Buffer.alloc(65536, asked);
    }
    const reading = packArchive([{ name: "big", sizeBytes: 100 * 65536, body: body() }], { mtimeSeconds: 0 });
    await reading.next();
    await reading.next();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(asked).toBeLessThan(8);
    let total = 0;
    for await (const chunk of reading) total += chunk.length;
    expect([asked, total]).toEqual([100, 99 * 65536 + 1024]);
  });

  it.each([
    ["short", 5],
    ["long", 3],
  ])("refuses a body that is too %s", async (_what, sizeBytes) => {
    const packing = bytesOfArchive([{ name: "a", sizeBytes, body: [Buffer.alloc(4)] }]);
    await expect(packing).rejects.toMatchObject({ code: "TAR_INVALID", message: expect.stringContaining('"a"') });
  });

  it("passes on the error of a body, and of the list of files", async () => {
    const failure = new Error("EIO");
    async function* body(): AsyncGenerator<Buffer> {
      yield Buffer.alloc(2);
      throw failure;
    }
    await expect(bytesOfArchive([{ name: "a", sizeBytes: 5, body: body() }])).rejects.toBe(failure);
    async function* files(): AsyncGenerator<ArchiveFile> {
      yield file("a", "x");
      throw failure;
    }
    await expect(bytesOfArchive(files())).rejects.toBe(failure);
  });

  it("closes the body in hand when the reader leaves", async () => {
    let isClosed = false;
    async function* body(): AsyncGenerator<Buffer> {
      try {
        for (;;) yield Buffer.alloc(65536);
      } finally {
        isClosed = true;
      }
    }
    for await (const _ of packArchive([{ name: "a", sizeBytes: 2 ** 40, body: body() }], { mtimeSeconds: 0 })) break;
    expect(isClosed).toBe(true);
  });

  it("stops with the signal's reason", async () => {
    const abort = new AbortController();
    async function* body(): AsyncGenerator<Buffer> {
      for (;;) yield Buffer.alloc(65536);
    }
    const packing = (async () => {
      let chunks = 0;
      const options = { mtimeSeconds: 0, signal: abort.signal };
      for await (const _ of packArchive([{ name: "a", sizeBytes: 2 ** 40, body: body() }], options)) {
        if (chunks++ === 3) abort.abort(new Error("stop"));
      }
    })();
    await expect(packing).rejects.toThrow("stop");
  });
});

describe("readArchive", () => {
  it("gives back what was packed, for any split of the bytes", async () => {
    const files = [
      file("index.json", "{}"),
      file(blob("b"), Buffer.alloc(5000, 66)),
      file("empty", ""),
      file("z", "end"),
    ];
    const tar = await bytesOfArchive(files);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4000 }), async (step) => {
        const chunks = Array.from({ length: Math.ceil(tar.length / step) }, (_, i) =>
          tar.subarray(i * step, (i + 1) * step),
        );
        expect(await members(chunks)).toEqual([
          ["index.json", "{}"],
          [blob("b"), "B".repeat(5000)],
          ["empty", ""],
          ["z", "end"],
        ]);
      }),
      { numRuns: 20 },
    );
  });

  it("skips what the consumer does not read, wherever it stops", async () => {
    const tar = await bytesOfArchive([
      file("a", Buffer.alloc(200_000, 1)),
      file("b", Buffer.alloc(200_000, 2)),
      file("c", "end"),
    ]);
    const chunks = Array.from({ length: Math.ceil(tar.length / 10_000) }, (_, i) =>
      tar.subarray(i * 10_000, (i + 1) * 10_000),
    );
    const seen: string[] = [];
    for await (const member of readArchive(chunks)) {
      if (member.name === "b") for await (const _ of member.body) break;
      seen.push(member.name);
    }
    expect(seen).toEqual(["a", "b", "c"]);
  });

  it("says what kind each member is, with plain names", async () => {
    const tar = Buffer.concat([
      rawHeader({ name: "./repositories", type: "0" }),
      rawHeader({ name: "./blobs/", type: "5" }),
      rawHeader({ name: "x/layer.tar", type: "2", link: "../y/layer.tar" }),
      rawHeader({ name: "/hard", type: "1", link: "repositories" }),
      END,
    ]);
    const seen: unknown[] = [];
    for await (const { name, type, linkname } of readArchive([tar])) seen.push([name, type, linkname]);
    expect(seen).toEqual([
      ["repositories", "file", ""],
      ["blobs", "dir", ""],
      ["x/layer.tar", "symlink", "../y/layer.tar"],
      ["hard", "hardlink", "repositories"],
    ]);
  });

  it("U12: refuses an archive that is cut off or damaged", async () => {
    const tar = await bytesOfArchive([file("a", "x".repeat(1000))]);
    for (const length of [100, 512, 700, 1535]) {
      await expect(members([tar.subarray(0, length)])).rejects.toMatchObject({ code: "TAR_INVALID" });
    }
    const bad = Buffer.from(tar);
    bad[3] = 1;
    await expect(members([bad])).rejects.toMatchObject({ code: "TAR_INVALID" });
    await expect(members([Buffer.alloc(5000, 7)])).rejects.toMatchObject({ code: "TAR_INVALID" });
  });

  it("U10: refuses an extended header that would fill the memory", async () => {
    const header = rawHeader({ name: "pax", type: "x", size: octal(2 ** 31, 11) });
    async function* chunks(): AsyncGenerator<Buffer> {
      yield header;
      for (;;) yield Buffer.alloc(1024 * 1024);
    }
    await expect(members(chunks())).rejects.toMatchObject({ code: "TAR_INVALID" });
  });

  it("closes the chunks when the consumer leaves, and hands on their error", async () => {
    let isClosed = false;
    const failure = new Error("source");
    async function* chunks(): AsyncGenerator<Buffer> {
      try {
        yield Buffer.concat([rawHeader({ name: "a", size: octal(600, 11) }), padded("x".repeat(500))]);
        throw failure;
      } finally {
        isClosed = true;
      }
    }
    for await (const _ of readArchive(chunks())) break;
    expect(isClosed).toBe(true);
    await expect(members(chunks())).rejects.toBe(failure);
  });
});
