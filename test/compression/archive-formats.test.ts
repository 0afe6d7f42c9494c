import { crc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ArchiveCompression, decompressAs } from "../../src/compression/decompress.js";
import { isOcibuildError } from "../../src/errors.js";
import { compressedSample, sampleBytes } from "./compressed-samples.js";

const SAMPLE = sampleBytes();
const EMPTY = {
  xz: Buffer.from("/Td6WFoAAATm1rRGAAAAABzfRCEftvN9AQAAAAAEWVo=", "base64"),
  bzip2: Buffer.from("QlpoORdyRThQkAAAAAA=", "base64"),
} as const;
const ONE = { xz: compressedSample("xzDefault"), bzip2: compressedSample("bz") } as const;
const KINDS = ["xz", "bzip2"] as const;

async function unpack(
  kind: ArchiveCompression,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  limitBytes?: number,
): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of decompressAs(chunks, kind, { limitBytes })) parts.push(part);
  return Buffer.concat(parts);
}

async function codeOf(unpacking: Promise<unknown>): Promise<string> {
  const thrown: unknown = await unpacking.then(
    () => "none",
    (error: unknown) => error,
  );
  return isOcibuildError(thrown) ? thrown.code : String(thrown);
}

describe("xz", () => {
  test.each(["xzDefault", "xzExtreme", "xzPb", "xzCrc32", "xzSha", "xzNone", "xzBlocks"] as const)(
    "reads %s",
    async (name) => {
      expect((await unpack("xz", [compressedSample(name)])).equals(SAMPLE)).toBe(true);
    },
  );

  test("says which filter it does not read", async () => {
    await expect(unpack("xz", [compressedSample("xzX86")])).rejects.toMatchObject({
      code: "COMPRESSION_UNSUPPORTED",
      message: "xz data with a filter before LZMA2 cannot be read",
    });
  });

  test("U11: refuses dictionaries that take too much memory, before it makes them", async () => {
    const bytes = Buffer.from(compressedSample("xzDefault"));
    const headerEnd = 12 + (bytes[12]! + 1) * 4 - 4;
    bytes[bytes.indexOf(0x21, 13) + 2] = 40;
    bytes.writeUInt32LE(crc32(bytes.subarray(12, headerEnd)), headerEnd);
    await expect(unpack("xz", [bytes])).rejects.toMatchObject({ code: "COMPRESSION_UNSUPPORTED" });
  });
});

describe.each(KINDS)("%s", (kind) => {
  test("reads nothing, one stream, and several with zeros between and after them", async () => {
    const padding = Buffer.alloc(8);
    expect(await unpack(kind, [EMPTY[kind]])).toHaveLength(0);
    const many = Buffer.concat([ONE[kind], EMPTY[kind], padding, ONE[kind], padding]);
    expect((await unpack(kind, [many])).equals(Buffer.concat([SAMPLE, SAMPLE]))).toBe(true);
  });

  test("gives the same for any split of the bytes", async () => {
    const bytes = Buffer.concat([ONE[kind], ONE[kind]]);
    const expected = Buffer.concat([SAMPLE, SAMPLE]);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: 8 }), async (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        const chunks = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
        expect((await unpack(kind, chunks)).equals(expected)).toBe(true);
      }),
      { numRuns: 30 },
    );
    const single = [...bytes].map((byte) => Uint8Array.of(byte));
    expect((await unpack(kind, single)).equals(expected)).toBe(true);
  });

  test("U12: data that are cut off anywhere are an error", async () => {
    for (let end = 0; end < ONE[kind].length; end++) {
      expect([end, await codeOf(unpack(kind, [ONE[kind].subarray(0, end)]))]).toEqual([end, "COMPRESSION_INVALID"]);
    }
  });

  test("U12: what goes on after the end is an error, unless it is zeros", async () => {
    for (const rest of ["x", "\0x", "\0\0\0\0x", "BZh", "\xfd7zXZ"]) {
      const bytes = Buffer.concat([ONE[kind], Buffer.from(rest, "latin1")]);
      expect([rest, await codeOf(unpack(kind, [bytes]))]).toEqual([rest, "COMPRESSION_INVALID"]);
    }
  });

  test("D1: no changed bit goes unnoticed", async () => {
    // What the header of bzip2 promises at most, and the bits that fill up its last byte, say nothing about the bytes.
    const isTelling = (at: number): boolean => kind === "xz" || (at > 3 && at < ONE[kind].length - 1);
    for (let at = 0; at < ONE[kind].length; at++) {
      const bytes = Buffer.from(ONE[kind]);
      bytes[at]! ^= 1 << (at % 8);
      const code = await codeOf(
        unpack(kind, [bytes]).then((result) => {
          if (!result.equals(SAMPLE)) throw new Error("other bytes came out");
        }),
      );
      expect([at, code]).toEqual([at, expect.stringMatching(/^(?:COMPRESSION_(?:INVALID|UNSUPPORTED)|none)$/)]);
      if (isTelling(at)) expect([at, code]).not.toEqual([at, "none"]);
    }
  });

  test("S4: whatever the bytes are, nothing but an error of ours comes out", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.nat(ONE[kind].length), async (noise, at) => {
        const bytes = Buffer.concat([ONE[kind].subarray(0, at), noise, ONE[kind].subarray(at + noise.length)]);
        expect(await codeOf(unpack(kind, [bytes]))).toMatch(/^(?:COMPRESSION_(?:INVALID|UNSUPPORTED)|none)$/);
      }),
      { numRuns: 300 },
    );
  });

  test("U11: a limit on what comes out is kept", async () => {
    expect(await codeOf(unpack(kind, [ONE[kind]], SAMPLE.length))).toBe("none");
    expect(await codeOf(unpack(kind, [ONE[kind]], SAMPLE.length - 1))).toBe("LIMIT_EXCEEDED");
  });

  test("closes what it reads from when it is left", async () => {
    let isClosed = false;
    async function* chunks(): AsyncGenerator<Buffer> {
      try {
        for (;;) yield ONE[kind];
      } finally {
        isClosed = true;
      }
    }
    for await (const _ of decompressAs(chunks(), kind)) break;
    expect(isClosed).toBe(true);
  });
});
