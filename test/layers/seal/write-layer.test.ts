import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Compression, isZstdAvailable } from "../../../src/compression/compression.js";
import { decompressAs } from "../../../src/compression/decompress.js";
import type { LayerEntry } from "../../../src/layers/layer-entry.js";
import { SEAL_BLOCK_BYTES } from "../../../src/layers/seal/pipeline.js";
import { type SealedLayer, writeLayer } from "../../../src/layers/seal/write-layer.js";
import { digestOf } from "../../../src/oci/digest.js";
import type { TarEntry } from "../../../src/tar/entry.js";
import { arbitraryEntry } from "../../tar/arbitrary.js";
import { entryOf, readAll, tarOf } from "../../tar/support.js";
import { layerEntry, type MemoryReader, MemorySink, memoryReader } from "./support.js";

const GZIP: Compression = { kind: "gzip", level: 4 };
const UNCOMPRESSED: Compression = { kind: "uncompressed" };

interface Written {
  readonly sealed: SealedLayer;
  readonly tar: Buffer;
  readonly blob: Buffer;
}

async function write(
  entries: Iterable<LayerEntry>,
  compression: Compression = GZIP,
  blocksInFlight?: number,
): Promise<Written> {
  const tarSink = new MemorySink();
  const blobSink = new MemorySink();
  const sealed = await writeLayer(entries, { compression, tarSink, blobSink, blocksInFlight });
  return { sealed, tar: tarSink.bytes, blob: blobSink.bytes };
}

/** Bytes that deflate shrinks to about a third, the same in every run. */
function text(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = (state * 1103515245 + 12345) % 2147483648;
    bytes[i] = 97 + ((state >> 16) % 12);
  }
  return bytes;
}

function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 88172645;
  for (let i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state & 0xff;
  }
  return bytes;
}

const file = (path: string, content: Buffer, step?: number): LayerEntry =>
  layerEntry(entryOf({ path, size: content.length }), content, step);

const MIXED: readonly Buffer[] = [
  text(10),
  noise(900_000),
  text(SEAL_BLOCK_BYTES * 2 + 5),
  noise(SEAL_BLOCK_BYTES + 77),
  text(300_000, 9),
];
const mixed = (step?: number): LayerEntry[] => MIXED.map((content, index) => file(`dir/file-${index}`, content, step));

describe("writeLayer", () => {
  it("writes the tar and the blob in one pass and tells the digests of both", async () => {
    const { sealed, tar, blob } = await write([
      layerEntry(entryOf({ path: "a", type: "dir", mode: 0o755 })),
      ...mixed(),
    ]);
    expect(sealed.entryCount).toBe(6);
    expect(sealed.diffId).toBe(digestOf(tar));
    expect(sealed.tarSizeBytes).toBe(tar.length);
    expect(sealed.blob).toEqual({ digest: digestOf(blob), sizeBytes: blob.length });
    expect(gunzipSync(blob).equals(tar)).toBe(true);
    const read = readAll(tar);
    expect(read.map(({ entry }) => entry.path)).toEqual(["a", ...MIXED.map((_, index) => `dir/file-${index}`)]);
    expect(read.slice(1).every(({ content }, index) => content.equals(MIXED[index]!))).toBe(true);
  });

  it("writes what the codec writes, for any entries", async () => {
    const entries = fc.array(arbitraryEntry(5000), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(entries, fc.integer({ min: 1, max: 6000 }), async (written, step) => {
        const contents = new Map(written.map((entry, index) => [index, text(entry.size, index)]));
        const layerEntries = written.map((entry, index) =>
          layerEntry(entry, entry.size > 0 ? contents.get(index) : undefined, step),
        );
        const { tar, sealed } = await write(layerEntries, UNCOMPRESSED);
        expect(tar.equals(tarOf(written, contents))).toBe(true);
        expect(sealed.blob).toEqual({ digest: sealed.diffId, sizeBytes: tar.length });
      }),
      { numRuns: 60 },
    );
  });

  it("an empty layer is two zero blocks", async () => {
    const { sealed, tar, blob } = await write([]);
    expect(sealed.diffId).toBe("sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef");
    expect(tar.equals(Buffer.alloc(1024))).toBe(true);
    expect(gunzipSync(blob).equals(tar)).toBe(true);
  });

  it("S2: the bytes depend neither on the blocks in flight nor on how reads split", async () => {
    const expected = await write(mixed());
    for (const [inFlight, step] of [
      [1, 65536],
      [2, 12_345],
      [16, undefined],
    ] as const) {
      const { sealed, blob } = await write(mixed(step), GZIP, inFlight);
      expect(sealed).toEqual(expected.sealed);
      expect(blob.equals(expected.blob)).toBe(true);
    }
  });

  it("marks the gzip member with no time and an unknown system, the same on every platform", async () => {
    const { blob } = await write([]);
    expect([...blob.subarray(0, 10)]).toEqual([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
  });

  it.each([0, 1, 9])("gzip level %d gives the same tar back", async (level) => {
    const { tar, blob } = await write(mixed(), { kind: "gzip", level });
    expect(gunzipSync(blob).equals(tar)).toBe(true);
  });

  it("fits where the tar ends exactly with a block, and one byte around it", async () => {
    for (const extra of [-513, -512, -511, -1, 0, 1]) {
      const content = text(SEAL_BLOCK_BYTES - 1536 + extra);
      const { tar, blob, sealed } = await write([file("f", content)]);
      expect(sealed.tarSizeBytes % 512).toBe(0);
      expect(readAll(tar)[0]?.content.equals(content)).toBe(true);
      expect(gunzipSync(blob).equals(tar)).toBe(true);
    }
  });

  it("stores what does not compress instead of growing it", async () => {
    const content = noise(3 * SEAL_BLOCK_BYTES);
    const { blob, tar } = await write([file("f", content)]);
    expect(blob.length).toBeLessThan(tar.length * 1.0002 + 100);
    expect(gunzipSync(blob).equals(tar)).toBe(true);
  });

  it("compresses nothing and reports no blob without a blob sink", async () => {
    const tarSink = new MemorySink();
    const sealed = await writeLayer(mixed(), { compression: GZIP, tarSink });
    expect(sealed.blob).toBeUndefined();
    expect(digestOf(tarSink.bytes)).toBe(sealed.diffId);
  });

  it("tells each entry and the place of its content", async () => {
    const told: [TarEntry, number][] = [];
    const tarSink = new MemorySink();
    const progress: number[] = [];
    const sealed = await writeLayer(mixed(), {
      compression: UNCOMPRESSED,
      tarSink,
      onEntry: (entry, dataOffset) => told.push([entry, dataOffset]),
      onProgress: (bytes) => progress.push(bytes),
    });
    expect(told).toEqual(readAll(tarSink.bytes).map(({ entry, dataOffset }) => [entry, dataOffset]));
    expect(progress.at(-1)).toBe(sealed.tarSizeBytes);
  });

  it("tells the digest of each file's content, read once", async () => {
    const digests: string[] = [];
    const contents = [...MIXED, Buffer.alloc(0)];
    const entries = contents.map(
      (content, index): LayerEntry => ({
        ...file(`f${index}`, content),
        onContentDigest: (sha256) => digests.push(`sha256:${sha256.toString("hex")}`),
      }),
    );
    await write(entries);
    expect(digests).toEqual(contents.map((content) => digestOf(content)));
  });

  it.runIf(isZstdAvailable())("zstd: frames that join to the tar", async () => {
    const { tar, blob, sealed } = await write(mixed(), { kind: "zstd", level: 3 });
    const parts: Buffer[] = [];
    for await (const chunk of decompressAs([blob], "zstd")) parts.push(chunk);
    expect(Buffer.concat(parts).equals(tar)).toBe(true);
    expect(sealed.blob?.digest).toBe(digestOf(blob));
  });

  it.skipIf(isZstdAvailable())("zstd: is refused with advice on a Node that lacks it", async () => {
    await expect(write([], { kind: "zstd", level: 3 })).rejects.toMatchObject({
      code: "COMPRESSION_UNSUPPORTED",
      hint: expect.stringContaining("gzip"),
    });
  });

  it("S4: refuses levels that do not exist", async () => {
    for (const level of [-1, 10, 1.5, Number.NaN]) {
      await expect(write([], { kind: "gzip", level })).rejects.toMatchObject({ code: "COMPRESSION_UNSUPPORTED" });
    }
  });
});

describe("C8: content of another length than the header says", () => {
  const cases: readonly (readonly [string, number, number])[] = [
    ["small, ends early", 100, 90],
    ["small, is empty", 100, 0],
    ["small, goes on", 100, 101],
    ["over a block, ends early", 3_000_000, 2_999_999],
    ["over a block, goes on", 3_000_000, 3_000_001],
    ["ends with the block, goes on", SEAL_BLOCK_BYTES - 512, SEAL_BLOCK_BYTES],
  ];

  it.each(cases)("is an error when it %s", async (_what, size, actual) => {
    for (const step of [undefined, 10_000, 7919]) {
      let reader: MemoryReader | undefined;
      const open = (): MemoryReader => {
        reader = memoryReader(text(actual), step);
        return reader;
      };
      const entry = entryOf({ path: "f", size });
      await expect(write([{ entry, open, onContentDigest: undefined }])).rejects.toMatchObject({
        code: "LAYER_INVALID",
        message: expect.stringContaining(`expected ${size} bytes`),
      });
      expect(reader?.closedTimes).toBe(1);
    }
  });

  it("is an error when there is no content at all", async () => {
    await expect(write([layerEntry(entryOf({ path: "f", size: 5 }))])).rejects.toMatchObject({ code: "LAYER_INVALID" });
  });

  it("passes on what the reader says, from read and from close", async () => {
    const changed = new Error("CONTEXT_CHANGED");
    for (const size of [10, 3_000_000]) {
      const entry = entryOf({ path: "f", size });
      const failingRead = {
        ...memoryReader(text(size)),
        read: () => {
          throw changed;
        },
      };
      const failingClose = {
        ...memoryReader(text(size)),
        close: () => {
          throw changed;
        },
      };
      for (const reader of [failingRead, failingClose]) {
        await expect(write([{ entry, open: () => reader, onContentDigest: undefined }])).rejects.toBe(changed);
      }
    }
  });
});

describe("on the way out of an error", () => {
  it("closes the entries and every reader, after whichever file it fails", async () => {
    for (let failing = 0; failing < MIXED.length; failing++) {
      let opened = 0;
      let closed = 0;
      let isFinished = false;
      function* entries(): Generator<LayerEntry> {
        try {
          for (const [index, content] of MIXED.entries()) {
            const entry = entryOf({ path: `f${index}`, size: content.length + (index === failing ? 1 : 0) });
            const open = (): MemoryReader => {
              opened++;
              const reader = memoryReader(content);
              return {
                ...reader,
                close: () => {
                  closed++;
                },
              };
            };
            yield { entry, open, onContentDigest: undefined };
          }
        } finally {
          isFinished = true;
        }
      }
      await expect(write(entries())).rejects.toMatchObject({ code: "LAYER_INVALID" });
      expect([opened, isFinished]).toEqual([closed, true]);
      expect(opened).toBe(failing + 1);
    }
  });

  it("K3: a sink that fails after any chunk ends the writing with its error", async () => {
    const full = new Error("ENOSPC");
    for (let allowed = 0; allowed < 6; allowed++) {
      let left = allowed;
      const sink = {
        write: () => {
          if (left-- === 0) throw full;
        },
      };
      await expect(writeLayer(mixed(), { compression: GZIP, blobSink: sink })).rejects.toBe(full);
      left = Math.min(allowed, 4);
      await expect(writeLayer(mixed(), { compression: GZIP, tarSink: sink, blobSink: new MemorySink() })).rejects.toBe(
        full,
      );
    }
  });

  it("K11: an abort after any block ends it with the signal's reason, and no sink gets more", async () => {
    for (let block = 0; block < 5; block++) {
      const abort = new AbortController();
      const reason = new Error(`stop ${block}`);
      let blocks = 0;
      let writes = 0;
      const writing = writeLayer(mixed(), {
        compression: GZIP,
        blobSink: {
          write: () => {
            writes++;
          },
        },
        onProgress: () => {
          if (blocks++ === block) abort.abort(reason);
        },
        signal: abort.signal,
      });
      await expect(writing).rejects.toBe(reason);
      const after = writes;
      await new Promise((resolve) => setImmediate(resolve));
      expect(writes).toBe(after);
    }
  });

  it("does nothing when the signal is aborted already", async () => {
    const sink = new MemorySink();
    const signal = AbortSignal.abort(new Error("no"));
    await expect(writeLayer(mixed(), { compression: GZIP, blobSink: sink, signal })).rejects.toThrow("no");
    expect(sink.bytes.length).toBe(0);
  });
});
