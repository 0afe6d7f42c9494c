import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isZstdAvailable, zstdFunctions } from "../../src/compression/compression.js";
import { type DecompressOptions, decompress, decompressAs } from "../../src/compression/decompress.js";

const GZIP = "application/vnd.oci.image.layer.v1.tar+gzip";
const ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd";

async function collect(
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  mediaType = GZIP,
  options?: DecompressOptions,
): Promise<string> {
  const parts: Buffer[] = [];
  for await (const chunk of decompress(chunks, mediaType, options)) parts.push(chunk);
  return Buffer.concat(parts).toString("latin1");
}

function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const offsets = [0, ...[...cuts].map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return offsets.slice(1).map((end, index) => Buffer.from(bytes.subarray(offsets[index], end)));
}

const cutsOf = fc.array(fc.nat(400), { maxLength: 12 });
const invalid = { code: "COMPRESSION_INVALID" };

describe("decompress", () => {
  it.each([
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
  ])("inflates %s", async (mediaType) => {
    expect(await collect([gzipSync("layer")], mediaType)).toBe("layer");
  });

  it("passes uncompressed layers on", async () => {
    for (const mediaType of [
      "application/vnd.oci.image.layer.v1.tar",
      "application/vnd.docker.image.rootfs.diff.tar",
    ]) {
      expect(await collect([Buffer.from("la"), new Uint8Array([121])], mediaType)).toBe("lay");
    }
  });

  it("refuses media types that are no layer it can read", async () => {
    for (const mediaType of ["", "text/html", "application/vnd.oci.image.layer.v1.tar+gzip+encrypted"]) {
      expect(() => decompress([], mediaType)).toThrow(expect.objectContaining({ code: "COMPRESSION_UNSUPPORTED" }));
    }
  });

  it("U12: takes several members and zeros after the last, for any split of the bytes", async () => {
    const member = gzipSync("hello ");
    const blob = Buffer.concat([member, gzipSync(""), gzipSync("world"), Buffer.alloc(30)]);
    await fc.assert(
      fc.asyncProperty(cutsOf, async (cuts) => {
        expect(await collect(split(blob, cuts))).toBe("hello world");
      }),
    );
  });

  it("U12: refuses anything else after the end, for any split of the bytes", async () => {
    const member = gzipSync("hello");
    const tails = [
      Buffer.from("x"),
      Buffer.from([0x1f]),
      Buffer.concat([Buffer.alloc(5), member]),
      Buffer.concat([Buffer.alloc(3), Buffer.from("x")]),
      member.subarray(0, 12),
    ];
    for (const tail of tails) {
      await fc.assert(
        fc.asyncProperty(cutsOf, async (cuts) => {
          await expect(collect(split(Buffer.concat([member, tail]), cuts))).rejects.toMatchObject(invalid);
        }),
        { numRuns: 30 },
      );
    }
  });

  it("U12: refuses a blob that is cut off, wherever the cut is", async () => {
    const blob = gzipSync("some content that is long enough");
    for (let length = 0; length < blob.length; length++) {
      await expect(collect([blob.subarray(0, length)])).rejects.toMatchObject(invalid);
    }
  });

  it("refuses a blob with a wrong checksum or length", async () => {
    for (const fromEnd of [8, 4, 1]) {
      const blob = gzipSync("content");
      blob[blob.length - fromEnd] = (blob.at(-fromEnd) as number) ^ 1;
      await expect(collect([blob])).rejects.toMatchObject(invalid);
    }
  });

  it("U11: stops at the limit, long before a bomb has gone off", async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
    let got = 0;
    const inflating = (async () => {
      for await (const chunk of decompressAs([bomb], "gzip", { limitBytes: 1_000_000 })) got += chunk.length;
    })();
    await expect(inflating).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
    expect(got).toBeLessThanOrEqual(1_000_000);
  });

  it("closes the chunks when the consumer leaves, and hands on their error", async () => {
    let isClosed = false;
    async function* chunks(): AsyncGenerator<Buffer> {
      try {
        yield gzipSync(Buffer.alloc(4 * 1024 * 1024));
        throw new Error("source");
      } finally {
        isClosed = true;
      }
    }
    for await (const _ of decompress(chunks(), GZIP)) break;
    expect(isClosed).toBe(true);
    await expect(collect(chunks())).rejects.toThrow("source");
  });

  it("stops with the signal's reason", async () => {
    const abort = new AbortController();
    const reading = (async () => {
      for await (const _ of decompress([gzipSync(Buffer.alloc(4 * 1024 * 1024))], GZIP, { signal: abort.signal }))
        abort.abort(new Error("stop"));
    })();
    await expect(reading).rejects.toThrow("stop");
  });

  it.skipIf(isZstdAvailable())("refuses zstd with advice on a Node that lacks it", async () => {
    await expect(collect([], ZSTD)).rejects.toMatchObject({
      code: "COMPRESSION_UNSUPPORTED",
      hint: expect.any(String),
    });
  });

  describe.runIf(isZstdAvailable())("zstd", () => {
    const frame = (content: string): Promise<Buffer> =>
      new Promise((resolve, reject) => {
        zstdFunctions().zstdCompress(Buffer.from(content), { params: {} }, (error, bytes) =>
          error === null ? resolve(bytes) : reject(error),
        );
      });

    it("U12: takes several frames and skippable ones, for any split of the bytes", async () => {
      const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4]);
      const blob = Buffer.concat([await frame("hello "), skippable, await frame(""), await frame("world")]);
      await fc.assert(
        fc.asyncProperty(cutsOf, async (cuts) => {
          expect(await collect(split(blob, cuts), ZSTD)).toBe("hello world");
        }),
      );
    });

    it("U12: refuses a cut and anything after the end, for any split of the bytes", async () => {
      const whole = await frame("hello");
      const bad = [
        whole.subarray(0, -1),
        Buffer.concat([whole, Buffer.alloc(4)]),
        Buffer.concat([whole, Buffer.from("junk")]),
        Buffer.concat([whole, whole.subarray(0, 7)]),
      ];
      for (const blob of bad) {
        await fc.assert(
          fc.asyncProperty(cutsOf, async (cuts) => {
            await expect(collect(split(blob, cuts), ZSTD)).rejects.toMatchObject(invalid);
          }),
          { numRuns: 20 },
        );
      }
    });
  });
});
