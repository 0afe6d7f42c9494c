/** What every place for a shared cache has to keep, whatever it is made of. */
import { describe, expect, test } from "vitest";
import type { StepKeyParts } from "../../src/cache/key.js";
import { isOcibuildError } from "../../src/errors.js";
import type { BlobWriter } from "../../src/oci/blobs.js";
import { type DiffId, digestOf } from "../../src/oci/digest.js";
import type { Descriptor } from "../../src/oci/types.js";
import { verifiedBlob } from "../../src/oci/verified-blob.js";
import type { CacheReader, CacheWriter } from "../../src/shared-cache/backend.js";
import { type CacheEntry, type EntryDocument, encodeEntry, isComplete } from "../../src/shared-cache/entry.js";
import { blobOf, bytesFor, collect, OCI_LAYER, readerOf } from "./registry.js";

/** An empty place, and ways to spoil what it holds. */
export interface BackendPlace extends AsyncDisposable {
  /** As a new job opens it. */
  reader(): Promise<CacheReader>;
  writer(): Promise<CacheWriter>;
  removeLayer(layer: Descriptor): void;
  replaceLayer(layer: Descriptor, bytes: Buffer): void;
}

export interface TestLayer {
  readonly bytes: Buffer;
  readonly descriptor: Descriptor;
}

export function testLayer(seed: string, size = 50_000): TestLayer {
  const bytes = bytesFor(seed, size);
  return { bytes, descriptor: blobOf(bytes, OCI_LAYER) };
}

const SPEC = "gzip:4";

/** An entry for the step `name` over these layers, of which `undefined` were not kept. */
export function testEntry(name: string, ...layers: readonly (TestLayer | undefined)[]): CacheEntry {
  const projection = digestOf(name).slice("sha256:".length);
  const parts: StepKeyParts = { kind: "run", platform: "", projection, parent: null, inputs: [] } as StepKeyParts;
  const stack = layers.map((layer, at) => ({
    diffId: digestOf(layer?.bytes ?? `gone ${at}`) as string as DiffId,
    createdSeconds: at,
  }));
  return {
    parts,
    result: { stack },
    layers: layers.map((layer) => layer && { descriptor: layer.descriptor, spec: SPEC }),
  };
}

/** Brings the layers of an entry, and the entry. */
export async function writeAll(
  writer: CacheWriter,
  entry: CacheEntry,
  layers: readonly TestLayer[],
): Promise<EntryDocument> {
  for (const { descriptor, bytes } of layers) await writer.writeLayer(descriptor, readerOf(bytes), {});
  const document = encodeEntry(entry);
  await writer.writeEntry(document, isComplete(entry), {});
  return document;
}

async function readLayer(reader: CacheReader, { descriptor }: TestLayer): Promise<Buffer> {
  let read: Buffer | undefined;
  const target: BlobWriter = {
    write: async (blob, bytes) => {
      read = await collect(verifiedBlob(bytes, blob));
    },
  };
  await reader.layers.copyTo(target, descriptor, {});
  return read!;
}

const codeOf = async (action: () => Promise<unknown>): Promise<string | undefined> => {
  const failed = await action().then(
    () => undefined,
    (error: unknown) => error,
  );
  return isOcibuildError(failed) ? failed.code : undefined;
};

/** The cases, over new places of one kind. */
export function describeBackend(name: string, open: () => Promise<BackendPlace>): void {
  describe(`a cache in ${name}`, () => {
    const layer = testLayer("layer");

    test("is not there before something was written", async () => {
      await using place = await open();
      expect(await codeOf(() => place.reader())).toMatch(/^(IMAGE|REGISTRY)_NOT_FOUND$/);
    });

    test("gives entries and layers as they were written", async () => {
      await using place = await open();
      const large = testLayer("large", 9 * 1024 * 1024);
      const entry = testEntry("step", layer, large);
      const writer = await place.writer();
      const { key } = await writeAll(writer, entry, [layer, large]);
      await writer.finish([key], {});
      const reader = await place.reader();
      expect(await reader.find(key, {})).toEqual(entry);
      expect(await reader.find(encodeEntry(testEntry("other", layer)).key, {})).toBeUndefined();
      for (const one of [layer, large]) {
        expect(await reader.layers.has(one.descriptor)).toBe(true);
        expect((await readLayer(reader, one)).equals(one.bytes)).toBe(true);
      }
    });

    test("tells the next writer what it has", async () => {
      await using place = await open();
      const writer = await place.writer();
      const complete = await writeAll(writer, testEntry("complete", layer), [layer]);
      const incomplete = await writeAll(writer, testEntry("incomplete", undefined, layer), [layer]);
      expect(await (await place.writer()).presence(encodeEntry(testEntry("other", layer)).key)).toBe("nothing");
      await writer.finish([complete.key, incomplete.key], {});
      const next = await place.writer();
      expect(await next.presence(complete.key)).toBe("complete");
      expect(await next.presence(incomplete.key)).toBe("incomplete");
    });

    test("gives the newest of an entry, and a complete one after an incomplete one", async () => {
      await using place = await open();
      const newer = testLayer("newer");
      const states = [testEntry("step", undefined), testEntry("step", layer), testEntry("step", newer)];
      for (const entry of states) {
        const writer = await place.writer();
        const { key } = await writeAll(writer, entry, [layer, newer]);
        await writer.finish([key], {});
        expect(await (await place.reader()).find(key, {})).toEqual(entry);
      }
    });

    test("keeps what jobs write that write at once", async () => {
      await using place = await open();
      const jobs = Array.from({ length: 4 }, (_, number) => ({
        entry: testEntry(`job ${number}`, layer, testLayer(`job ${number}`)),
        layers: [layer, testLayer(`job ${number}`)],
      }));
      const shared = testEntry("all", layer);
      const written = await Promise.all(
        jobs.map(async ({ entry, layers }) => {
          const writer = await place.writer();
          const documents = [await writeAll(writer, entry, layers), await writeAll(writer, shared, [layer])];
          await writer.finish(
            documents.map(({ key }) => key),
            {},
          );
          return documents[0]!.key;
        }),
      );
      const reader = await place.reader();
      for (const [number, key] of written.entries()) {
        expect(await reader.find(key, {})).toEqual(jobs[number]!.entry);
        const own = jobs[number]!.layers[1]!;
        expect((await readLayer(reader, own)).equals(own.bytes)).toBe(true);
      }
      expect(await reader.find(encodeEntry(shared).key, {})).toEqual(shared);
    });

    test("says of layers that are gone and of others in their place what they are", async () => {
      await using place = await open();
      const wrong = testLayer("wrong");
      const writer = await place.writer();
      const { key } = await writeAll(writer, testEntry("step", layer, wrong), [layer, wrong]);
      await writer.finish([key], {});
      place.removeLayer(layer.descriptor);
      place.replaceLayer(wrong.descriptor, bytesFor("other", wrong.bytes.length));
      const reader = await place.reader();
      expect(await reader.layers.has(layer.descriptor)).toBe(false);
      expect(await codeOf(() => readLayer(reader, layer))).toBe("BLOB_NOT_FOUND");
      expect(await codeOf(() => readLayer(reader, wrong))).toBe("BLOB_DIGEST_MISMATCH");
      // And what is gone can be written again.
      await (await place.writer()).writeLayer(layer.descriptor, readerOf(layer.bytes), {});
      expect((await readLayer(await place.reader(), layer)).equals(layer.bytes)).toBe(true);
    });

    test("takes entries with many layers", async () => {
      await using place = await open();
      const many = testEntry("many", ...Array.from({ length: 400 }, () => layer));
      const writer = await place.writer();
      const { key } = await writeAll(writer, many, [layer]);
      await writer.finish([key], {});
      expect(await (await place.reader()).find(key, {})).toEqual(many);
      expect(await (await place.writer()).presence(key)).toBe("complete");
    });

    test("is left at once by who gives up", async () => {
      await using place = await open();
      const signal = AbortSignal.abort(new Error("enough"));
      const writer = await place.writer();
      await expect(writer.writeLayer(layer.descriptor, readerOf(layer.bytes), { signal })).rejects.toThrow("enough");
    });
  });
}
