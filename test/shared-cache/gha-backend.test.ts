/** What is special of caches in GitHub's service; what all caches keep is in backends.test.ts. */
import { describe, expect, test } from "vitest";
import { isOcibuildError } from "../../src/errors.js";
import { createTransport, DEFAULT_TIMEOUTS, type Transport } from "../../src/http/transport.js";
import type { DocumentCache } from "../../src/registry/resolver.js";
import type { CacheReader, CacheWriter } from "../../src/shared-cache/backend.js";
import { encodeEntry } from "../../src/shared-cache/entry.js";
import { ghaCacheWriter, openGhaCache } from "../../src/shared-cache/gha-backend.js";
import { documentName, ghaPlace } from "../../src/shared-cache/gha-place.js";
import { testEntry, testLayer, writeAll } from "../support/cache-backend-suite.js";
import { type GhaServer, startGhaServer } from "../support/gha-server.js";
import { FastClock, readerOf } from "../support/registry.js";

interface Scene extends AsyncDisposable {
  readonly server: GhaServer;
  readonly clock: FastClock;
  readonly documents: Map<string, Buffer>;
  reader(): Promise<CacheReader>;
  writer(): Promise<CacheWriter>;
}

async function scene(version: 1 | 2 = 2): Promise<Scene> {
  const server = await startGhaServer();
  const transport: Transport = createTransport({
    userAgent: "test",
    timeouts: DEFAULT_TIMEOUTS,
    connectionsPerOrigin: 6,
    insecureHosts: new Set(),
    maxRedirects: 0,
  });
  const clock = new FastClock();
  const place = ghaPlace({ url: server.url, version, token: server.token("refs/heads/main") });
  const documents = new Map<string, Buffer>();
  const cache: DocumentCache = {
    read: async (digest) => documents.get(digest),
    write: async ({ digest }, bytes) => void documents.set(digest, bytes),
  };
  return {
    server,
    clock,
    documents,
    reader: () => openGhaCache(place, { transport, clock }, cache, {}),
    writer: () => ghaCacheWriter(place, { transport, clock }, {}),
    async [Symbol.asyncDispose]() {
      await transport.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

const layer = testLayer("layer");
const large = testEntry("large", ...Array.from({ length: 400 }, () => layer));
const key = (entry: typeof large) => encodeEntry(entry).key;
const indexes = ({ server }: Scene): string[] => server.names().filter((name) => name.includes("-index-"));

describe("an export", () => {
  test("that takes long makes known each minute what it wrote", async () => {
    await using at = await scene();
    const writer = await at.writer();
    const [first, second, third] = ["first", "second", "third"].map((name) => testEntry(name, layer));
    await writeAll(writer, first!, [layer]);
    expect(indexes(at)).toEqual([]);
    at.clock.nowMs += 61_000;
    await Promise.all([writeAll(writer, second!, []), writeAll(writer, third!, [])]);
    const reader = await at.reader();
    expect(await reader.find(key(first!), {})).toEqual(first);
    await writer.finish([first!, second!, third!].map(key), {});
    const later = await at.reader();
    for (const entry of [first!, second!, third!]) expect(await later.find(key(entry), {})).toEqual(entry);
    expect(indexes(at).length).toBeLessThanOrEqual(3);
  });

  test("that has nothing new writes nothing", async () => {
    await using at = await scene();
    for (let time = 0; time < 2; time++) {
      const writer = await at.writer();
      if (time === 0) await writeAll(writer, large, [layer]);
      await writer.finish([key(large)], {});
    }
    expect(indexes(at)).toHaveLength(1);
  });
});

describe("a large entry", () => {
  test("is read once for all builds of a store", async () => {
    await using at = await scene();
    const writer = await at.writer();
    const { descriptor } = await writeAll(writer, large, [layer]);
    await writer.finish([key(large)], {});
    expect(at.server.names()).toContain(documentName(descriptor.digest));
    expect(await (await at.reader()).find(key(large), {})).toEqual(large);
    expect([...at.documents.keys()]).toEqual([descriptor.digest]);
    at.server.entries.splice(at.server.names().indexOf(documentName(descriptor.digest)), 1);
    expect(await (await at.reader()).find(key(large), {})).toEqual(large);
    at.documents.clear();
    expect(await (await at.reader()).find(key(large), {})).toBeUndefined();
  });

  test("with another's content is refused: K10", async () => {
    await using at = await scene();
    const writer = await at.writer();
    const { descriptor } = await writeAll(writer, large, [layer]);
    await writer.finish([key(large)], {});
    const { id } = at.server.entries.find(({ name }) => name === documentName(descriptor.digest))!;
    at.server.blobs.setContent(String(id), Buffer.alloc(descriptor.size, " "));
    const failed = await (await at.reader()).find(key(large), {}).catch((error: unknown) => error);
    expect(isOcibuildError(failed, "BLOB_DIGEST_MISMATCH")).toBe(true);
  });
});

describe("an index", () => {
  test("whose entries are not what their digests say is refused: K10", async () => {
    await using at = await scene();
    const writer = await at.writer();
    const entry = testEntry("step", layer);
    await writeAll(writer, entry, [layer]);
    await writer.finish([key(entry)], {});
    const { id } = at.server.entries.find(({ name }) => name.endsWith("#1"))!;
    const index = JSON.parse(String(at.server.blobs.content(String(id)))) as { manifests: { data: string }[] };
    const data = Buffer.from(index.manifests[0]!.data, "base64");
    data[data.length - 2]! ^= 1;
    index.manifests[0]!.data = data.toString("base64");
    at.server.blobs.setContent(String(id), Buffer.from(JSON.stringify(index)));
    const failed = await at.reader().catch((error: unknown) => error);
    expect(isOcibuildError(failed, "DOCUMENT_INVALID")).toBe(true);
  });

  test("is bounded, and what was used least recently leaves it first", async () => {
    await using at = await scene();
    const deep = Array.from({ length: 40 }, () => layer);
    const entries = Array.from({ length: 280 }, (_, number) => testEntry(`step ${number}`, ...deep));
    const writer = await at.writer();
    await writer.writeLayer(layer.descriptor, readerOf(layer.bytes), {});
    for (const entry of entries) await writer.writeEntry(encodeEntry(entry), true, {});
    await writer.finish(entries.map(key), {});
    const { id } = at.server.entries.find(({ name }) => name.endsWith("#1"))!;
    expect(at.server.blobs.content(String(id))!.length).toBeLessThanOrEqual(4 * 1024 * 1024);
    const reader = await at.reader();
    expect(await reader.find(key(entries[0]!), {})).toEqual(entries[0]);
    expect(await reader.find(key(entries.at(-1)!), {})).toBeUndefined();
  });
});

describe.each([1, 2] as const)("a request of an export that fails, version %i of the service,", (version) => {
  const entries = [testEntry("small", layer), large];
  const exportAll = async (at: Scene): Promise<void> => {
    const writer = await at.writer();
    for (const entry of entries) await writeAll(writer, entry, [layer]);
    await writer.finish(entries.map(key), {});
  };
  const expectAll = async (at: Scene): Promise<void> => {
    const reader = await at.reader();
    for (const entry of entries) expect(await reader.find(key(entry), {})).toEqual(entry);
    expect(await reader.layers.has(layer.descriptor)).toBe(true);
  };

  test.each([
    ["without an answer", "destroy", false],
    ["after it was done, without an answer", "cut", false],
    ["for good", "refuse", true],
  ] as const)("%s costs time, and nothing of the cache, whichever it is", async (_, fault, mayFail) => {
    for (let failing = 0, isHit = true; isHit; failing++) {
      await using at = await scene(version);
      let asked = 0;
      at.server.intercept = (_request, response) => {
        if (asked++ !== failing) return false;
        if (fault === "cut") response.end = () => response.destroy();
        else if (fault === "destroy") response.destroy();
        else response.writeHead(400).end();
        return fault !== "cut";
      };
      const failed = await exportAll(at).catch((error: unknown) => error);
      if (!mayFail) expect(failed).toBeUndefined();
      isHit = asked > failing;
      // The next job finds all, or can add what is missing.
      at.server.intercept = undefined;
      await exportAll(at);
      await expectAll(at);
    }
  });
});
