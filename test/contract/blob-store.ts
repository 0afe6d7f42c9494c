/** What every store of blobs must do, whatever it is made of. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { BlobReader, BlobWriter } from "../../src/oci/blobs.js";
import { digestOf } from "../../src/oci/digest.js";
import { collect, describeBlob } from "../support/blobs.js";

type BlobStore = BlobReader & BlobWriter;

/** Registers the suite; `make` gives a new, empty store. */
export function blobStoreContract(name: string, make: () => BlobStore | Promise<BlobStore>): void {
  describe(`blob store contract: ${name}`, () => {
    test("gives back what was written", async () => {
      const store = await make();
      const blob = describeBlob("hello");
      await store.write(blob, [Buffer.from("hel"), Buffer.from("lo")]);
      expect(await store.has(blob)).toBe(true);
      expect((await collect(store.open(blob))).toString()).toBe("hello");
    });

    test("has no blob that was not written, and says BLOB_NOT_FOUND when it is opened", async () => {
      const store = await make();
      const blob = describeBlob("absent");
      expect(await store.has(blob)).toBe(false);
      await expect(collect(store.open(blob))).rejects.toMatchObject({ code: "BLOB_NOT_FOUND" });
    });

    test("keeps an empty blob", async () => {
      const store = await make();
      const blob = describeBlob("");
      await store.write(blob, []);
      expect(await store.has(blob)).toBe(true);
      expect(await collect(store.open(blob))).toHaveLength(0);
    });

    test("any split into chunks gives the same blob", async () => {
      const store = await make();
      await fc.assert(
        fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 50 })), async (chunks) => {
          const content = Buffer.concat(chunks);
          const blob = describeBlob(content);
          await store.write(blob, chunks);
          expect(content.equals(await collect(store.open(blob)))).toBe(true);
        }),
        { numRuns: 30 },
      );
    });

    test("D1: refuses other content of the right size, and keeps nothing of it", async () => {
      const store = await make();
      const blob = describeBlob("right");
      await expect(store.write(blob, [Buffer.from("wrong")])).rejects.toMatchObject({ code: "BLOB_DIGEST_MISMATCH" });
      expect(await store.has(blob)).toBe(false);
    });

    test.each([
      ["short", "righ"],
      ["long", "right!"],
      ["empty", ""],
    ])("D1: refuses content that is too %s", async (_how, content) => {
      const store = await make();
      const blob = describeBlob("right");
      await expect(store.write(blob, [Buffer.from(content)])).rejects.toMatchObject({ code: "BLOB_SIZE_MISMATCH" });
      expect(await store.has(blob)).toBe(false);
    });

    test("S5: stops reading a source as soon as it gives more than the blob's size", async () => {
      const store = await make();
      let given = 0;
      const endless = (async function* () {
        for (;;) {
          given++;
          yield Buffer.alloc(10);
        }
      })();
      const blob = { ...describeBlob("x"), size: 25 };
      await expect(store.write(blob, endless)).rejects.toMatchObject({ code: "BLOB_SIZE_MISMATCH" });
      expect(given).toBe(3);
    });

    test("a size that differs from the blob's is a miss", async () => {
      const store = await make();
      const blob = describeBlob("content");
      await store.write(blob, [Buffer.from("content")]);
      expect(await store.has({ ...blob, size: 8 })).toBe(false);
      expect(await store.has(blob)).toBe(true);
    });

    test("writing a blob again changes nothing and closes the source unread", async () => {
      const store = await make();
      const blob = describeBlob("twice");
      await store.write(blob, [Buffer.from("twice")]);
      let closed = false;
      const source: AsyncIterable<Uint8Array> = {
        [Symbol.asyncIterator]: () => ({
          next: () => Promise.reject(new Error("must not be read")),
          return: () => {
            closed = true;
            return Promise.resolve({ done: true as const, value: undefined });
          },
        }),
      };
      await store.write(blob, source);
      expect(closed).toBe(true);
      expect((await collect(store.open(blob))).toString()).toBe("twice");
    });

    test("a source that fails leaves nothing", async () => {
      const store = await make();
      const blob = describeBlob("never complete");
      const failing = (async function* () {
        yield Buffer.from("never");
        throw new Error("the source broke");
      })();
      await expect(store.write(blob, failing)).rejects.toThrow("the source broke");
      expect(await store.has(blob)).toBe(false);
    });

    test("an aborted write rejects with the signal's reason and leaves nothing", async () => {
      const store = await make();
      const blob = describeBlob("abcdef");
      const controller = new AbortController();
      const reason = new Error("enough");
      const source = (async function* () {
        yield Buffer.from("abc");
        controller.abort(reason);
        yield Buffer.from("def");
      })();
      await expect(store.write(blob, source, { signal: controller.signal })).rejects.toBe(reason);
      expect(await store.has(blob)).toBe(false);
    });

    test("an aborted signal stops has, open and write before they start", async () => {
      const store = await make();
      const blob = describeBlob("x");
      const reason = new Error("enough");
      const options = { signal: AbortSignal.abort(reason) };
      await expect(store.has(blob, options)).rejects.toBe(reason);
      await expect(collect(store.open(blob, options))).rejects.toBe(reason);
      await expect(store.write(blob, [Buffer.from("x")], options)).rejects.toBe(reason);
      expect(await store.has(blob)).toBe(false);
    });

    test("a reader may leave early", async () => {
      const store = await make();
      const content = Buffer.alloc(3 << 20, 7);
      const blob = describeBlob(content);
      await store.write(blob, [content]);
      for await (const chunk of store.open(blob)) {
        expect(chunk.length).toBeGreaterThan(0);
        break;
      }
      expect(digestOf(await collect(store.open(blob)))).toBe(blob.digest);
    });

    test("writing into a chunk that was given out does not change the blob", async () => {
      const store = await make();
      const blob = describeBlob("constant");
      await store.write(blob, [Buffer.from("constant")]);
      for await (const chunk of store.open(blob)) chunk.fill(0);
      expect((await collect(store.open(blob))).toString()).toBe("constant");
    });

    test("the same blob written by several at once is there once, and whole", async () => {
      const store = await make();
      const content = Buffer.alloc(300_000, 3);
      const blob = describeBlob(content);
      await Promise.all(Array.from({ length: 8 }, () => store.write(blob, [content])));
      expect(content.equals(await collect(store.open(blob)))).toBe(true);
    });
  });
}
