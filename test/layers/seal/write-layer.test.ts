import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { writeLayer } from "../../../src/layers/seal/write-layer.js";
import { digestOf } from "../../../src/oci/digest.js";
import { entryOf, readAll } from "../../tar/support.js";
import { layerEntry, MemorySink } from "./support.js";

describe("writeLayer", () => {
  it("writes a tar and its gzip blob, and says the digests of both", async () => {
    const tarSink = new MemorySink();
    const blobSink = new MemorySink();
    const content = Buffer.from("hello\n");
    const sealed = await writeLayer(
      [
        layerEntry(entryOf({ path: "a", type: "dir", mode: 0o755 })),
        layerEntry(entryOf({ path: "a/b", size: 6 }), content),
      ],
      { compression: { kind: "gzip", level: 4 }, tarSink, blobSink },
    );
    expect(sealed.entryCount).toBe(2);
    expect(sealed.diffId).toBe(digestOf(tarSink.bytes));
    expect(sealed.tarSizeBytes).toBe(tarSink.bytes.length);
    expect(sealed.blob).toEqual({ digest: digestOf(blobSink.bytes), sizeBytes: blobSink.bytes.length });
    expect(gunzipSync(blobSink.bytes).equals(tarSink.bytes)).toBe(true);
    expect(readAll(tarSink.bytes).map(({ entry }) => entry.path)).toEqual(["a", "a/b"]);
    expect(readAll(tarSink.bytes)[1]?.content.toString()).toBe("hello\n");
  });
});
