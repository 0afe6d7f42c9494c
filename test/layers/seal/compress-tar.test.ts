import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { Compression } from "../../../src/compression/compression.js";
import { compressTar } from "../../../src/layers/seal/compress-tar.js";
import { writeLayer } from "../../../src/layers/seal/write-layer.js";
import { type DiffId, digestOf } from "../../../src/oci/digest.js";
import { entryOf } from "../../tar/support.js";
import { layerEntry, MemorySink, memoryReader } from "./support.js";

const GZIP: Compression = { kind: "gzip", level: 4 };

describe("compressTar", () => {
  it("gives the very blob that the writer gives", async () => {
    const contents = [Buffer.alloc(1_500_000, "some text, "), randomBytes(1_200_000), Buffer.from("end")];
    const entries = contents.map((content, index) =>
      layerEntry(entryOf({ path: `f${index}`, size: content.length }), content),
    );
    const tarSink = new MemorySink();
    const written = new MemorySink();
    const { entryCount, ...sealed } = await writeLayer(entries, { compression: GZIP, tarSink, blobSink: written });
    expect(entryCount).toBe(3);
    for (const step of [undefined, 10_007]) {
      const blobSink = new MemorySink();
      const reader = memoryReader(tarSink.bytes, step);
      expect(await compressTar(reader, { compression: GZIP, blobSink, expectedDiffId: sealed.diffId })).toEqual(sealed);
      expect(blobSink.bytes.equals(written.bytes)).toBe(true);
      expect(reader.closedTimes).toBe(1);
    }
  });

  it("D6: refuses a tar that is not the layer it was said to be", async () => {
    const expectedDiffId = digestOf("other") as string as DiffId;
    const reader = memoryReader(Buffer.alloc(1024));
    const compressing = compressTar(reader, { compression: GZIP, blobSink: new MemorySink(), expectedDiffId });
    await expect(compressing).rejects.toMatchObject({
      code: "LAYER_DIFF_ID_MISMATCH",
      details: { expected: expectedDiffId },
    });
    expect(reader.closedTimes).toBe(1);
  });

  it("closes the tar when reading or writing fails", async () => {
    const failure = new Error("EIO");
    const source = memoryReader(Buffer.alloc(3_000_000));
    const sink = {
      write: () => {
        throw failure;
      },
    };
    await expect(compressTar(source, { compression: GZIP, blobSink: sink })).rejects.toBe(failure);
    let closed = 0;
    const broken = {
      read: () => {
        throw failure;
      },
      close: () => {
        closed++;
      },
    };
    await expect(compressTar(broken, { compression: GZIP, blobSink: new MemorySink() })).rejects.toBe(failure);
    expect([source.closedTimes, closed]).toEqual([1, 1]);
  });
});
