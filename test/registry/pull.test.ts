import { afterEach, describe, expect, test } from "vitest";
import { isOcibuildError } from "../../src/errors.js";
import { DEFAULT_RETRY } from "../../src/http/retry.js";
import { parseReference } from "../../src/oci/reference.js";
import type { RegistryClientOptions } from "../../src/registry/client.js";
import { registryHosts } from "../../src/registry/hosts.js";
import { pullBlob, type RegistrySource, registrySource } from "../../src/registry/pull.js";
import {
  answerStatus,
  change,
  changeBody,
  changeHeaders,
  type Fault,
  type FaultAction,
  flipBit,
  lieAboutLength,
  redirectTo,
  resetAfter,
  resetBefore,
  stall,
  stallAfter,
} from "../../src/testing/registry/faults.js";
import { startRegistry, type TestRegistry } from "../../src/testing/registry/registry.js";
import { blobOf, bytesFor, collect, OCI_MANIFEST, putImage, testClient } from "../support/registry.js";

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(options: Parameters<typeof startRegistry>[0] = {}): Promise<TestRegistry> {
  const registry = await startRegistry(options);
  cleanups.push(registry.close);
  return registry;
}

interface Setup {
  readonly registry: TestRegistry;
  readonly client: ReturnType<typeof testClient>;
  readonly source: RegistrySource;
}

async function setUp(options: RegistryClientOptions = {}): Promise<Setup> {
  const registry = await start();
  const client = testClient(options);
  cleanups.push(client.close);
  return { registry, client, source: registrySource(client, parseReference(`${registry.host}/team/app:1`)) };
}

const BYTES = bytesFor("blob", 300_000);
const BLOB = blobOf(BYTES);
const BLOBS = "/blobs/sha256:";

/** The outcome of reading: bytes, or the code of the error. */
async function outcome(reading: Promise<Buffer>): Promise<Buffer | string> {
  try {
    return await reading;
  } catch (error) {
    if (isOcibuildError(error)) return error.code;
    throw error;
  }
}

describe("registrySource", () => {
  test("fetches a manifest by tag and by digest with its exact bytes", async () => {
    const { registry, source } = await setUp();
    const image = putImage(registry.content, "team/app", "1");
    const byTag = await source.fetchManifest("1");
    expect(byTag.bytes.equals(image.manifest)).toBe(true);
    expect(byTag.descriptor).toEqual(blobOf(image.manifest, OCI_MANIFEST));
    expect((await source.fetchManifest(image.descriptor.digest)).bytes.equals(image.manifest)).toBe(true);
    expect(await source.resolveTag("1")).toBe(image.descriptor.digest);
  });

  test("reads blobs, empty ones too, and manifests by descriptor", async () => {
    const { registry, source } = await setUp();
    const image = putImage(registry.content, "team/app", "1");
    registry.content.putBlob("team/app", BYTES);
    expect((await collect(source.open(BLOB))).equals(BYTES)).toBe(true);
    expect(await collect(source.open(blobOf(Buffer.alloc(0))))).toHaveLength(0);
    expect((await collect(source.open(image.descriptor))).equals(image.manifest)).toBe(true);
    expect(await source.has(BLOB)).toBe(true);
    expect(await source.has(image.descriptor)).toBe(true);
    expect(await source.has(blobOf(Buffer.from("other")))).toBe(false);
  });

  test("names the image and the registry when there is no such tag", async () => {
    const { registry, source } = await setUp();
    const error = await source.fetchManifest("nope").catch((thrown: unknown) => thrown);
    expect(isOcibuildError(error, "REGISTRY_NOT_FOUND") && error.message).toContain(`"${registry.host}/team/app:nope"`);
    expect(await outcome(collect(source.open(BLOB)))).toBe("BLOB_NOT_FOUND");
  });

  test("refuses Docker's schema 1 with advice", async () => {
    const { registry, source } = await setUp();
    const schema1 = Buffer.from(JSON.stringify({ schemaVersion: 1, fsLayers: [] }));
    registry.content.putManifest("team/app", schema1, "application/vnd.docker.distribution.manifest.v1+prettyjws", "1");
    const error = await source.fetchManifest("1").catch((thrown: unknown) => thrown);
    expect(isOcibuildError(error, "DOCUMENT_INVALID") && error.message).toMatch(/schema 1/);
  });

  test("refuses a manifest that is larger than 4 MiB", async () => {
    const { registry, source } = await setUp();
    registry.content.putManifest("team/app", Buffer.alloc(4 * 1024 * 1024 + 1, " "), OCI_MANIFEST, "1");
    await expect(source.fetchManifest("1")).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
  });

  test("D3: the descriptor's media type must be the one the registry gives", async () => {
    const { registry, source } = await setUp();
    const image = putImage(registry.content, "team/app", "1");
    const docker = { ...image.descriptor, mediaType: "application/vnd.docker.distribution.manifest.v2+json" };
    expect(await outcome(collect(source.open(docker)))).toBe("DOCUMENT_INVALID");
  });

  test("sends no Range for a whole blob and never asks for an encoding", async () => {
    const { registry, source } = await setUp();
    registry.content.putBlob("team/app", BYTES);
    await collect(source.open(BLOB));
    for (const { headers } of registry.requests) {
      expect(headers["accept-encoding"]).toBe("identity");
      expect(headers["range"]).toBeUndefined();
    }
  });

  test("a reader that leaves early ends the download", async () => {
    const { registry, source } = await setUp();
    const large = bytesFor("large", 4_000_000);
    registry.content.putBlob("team/app", large);
    for await (const chunk of source.open(blobOf(large))) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    expect((await collect(source.open(blobOf(large)))).equals(large)).toBe(true);
  });

  test("an abort in the middle rejects with its reason", async () => {
    const { registry, source } = await setUp();
    registry.content.putBlob("team/app", BYTES);
    registry.fail({ path: BLOBS, action: stallAfter(1000) });
    const abort = new AbortController();
    const reading = collect(source.open(BLOB, { signal: abort.signal }));
    setTimeout(() => abort.abort(new Error("enough")), 50);
    await expect(reading).rejects.toThrow("enough");
  });
});

describe("D1: bytes that are not what the descriptor says are never accepted", () => {
  const extra = changeBody((body) => Buffer.concat([body, Buffer.from("x")]));
  const missing = changeBody((body) => body.subarray(0, -1));
  const lies: readonly [string, FaultAction][] = [
    ["one byte more", extra],
    ["one byte less", missing],
    ["first byte changed", flipBit(0)],
    ["middle byte changed", flipBit(150)],
    ["last byte changed", flipBit(-1)],
    [
      "one byte more without a length",
      change((reply) => ({ ...reply, body: Buffer.concat([reply.body!, Buffer.from("x")]), contentLength: null })),
    ],
    [
      "one byte less without a length",
      change((reply) => ({ ...reply, body: reply.body!.subarray(0, -1), contentLength: null })),
    ],
    ["nothing", changeBody(() => Buffer.alloc(0))],
  ];
  test.each(lies)("D1: blob with %s", async (_name, action) => {
    const { registry, source } = await setUp();
    registry.content.putBlob("team/app", BYTES);
    registry.fail({ path: BLOBS, action });
    expect(await outcome(collect(source.open(BLOB)))).toMatch(/^BLOB_(SIZE|DIGEST)_MISMATCH$/);
  });

  test.each(lies)("D1: manifest by digest with %s", async (_name, action) => {
    const { registry, source } = await setUp();
    const image = putImage(registry.content, "team/app", "1");
    registry.fail({ path: "/manifests/", action });
    expect(await outcome(collect(source.open(image.descriptor)))).toBe("BLOB_DIGEST_MISMATCH");
  });

  test("D1: a manifest whose Docker-Content-Digest is another one is refused", async () => {
    const { registry, source } = await setUp();
    putImage(registry.content, "team/app", "1");
    registry.fail({ path: "/manifests/", action: changeHeaders({ "docker-content-digest": BLOB.digest }) });
    await expect(source.fetchManifest("1")).rejects.toMatchObject({ code: "REGISTRY_PROTOCOL" });
  });
});

describe("R5: what may pass is tried again", () => {
  const passing: readonly [string, FaultAction][] = [
    ["408", answerStatus(408)],
    ["429", answerStatus(429)],
    ["500", answerStatus(500)],
    ["502", answerStatus(502)],
    ["503", answerStatus(503)],
    ["504", answerStatus(504)],
    ["a reset", resetBefore],
    ["a stall", stall],
  ];
  test.each(passing)(
    "R5: %s once on any request does not disturb a pull, for ever it is an error",
    async (_name, action) => {
      const count = await pullWith();
      const once = Array.from({ length: count }, (_, nth) => pullWith({ after: nth, times: 1, action }));
      const always = expect(pullWith({ action })).rejects.toMatchObject({ code: "REGISTRY_REQUEST" });
      await Promise.all([...once, always]);
    },
  );

  async function pullWith(fault?: Fault): Promise<number> {
    const registry = await startRegistry();
    const client = testClient({
      timeouts: { connectMs: 500, headersMs: 60, uploadReplyMs: 60, bodyIdleMs: 60 },
      retry: { ...DEFAULT_RETRY, attempts: 2 },
    });
    try {
      const image = putImage(registry.content, "team/app", "1");
      if (fault !== undefined) registry.fail(fault);
      const source = registrySource(client, parseReference(`127.0.0.1:${registry.port}/team/app:1`));
      expect((await source.fetchManifest("1")).bytes.equals(image.manifest)).toBe(true);
      expect((await collect(source.open(blobOf(image.config)))).equals(image.config)).toBe(true);
      expect((await collect(source.open(blobOf(image.layer)))).equals(image.layer)).toBe(true);
      return registry.requests.length;
    } finally {
      await client.close();
      await registry.close();
    }
  }

  test("R5: what cannot pass is not tried again", async () => {
    const { registry, source, client } = await setUp();
    registry.fail({ path: "/manifests/", action: answerStatus(400, {}, "NAME_INVALID") });
    await expect(source.fetchManifest("1")).rejects.toMatchObject({
      code: "REGISTRY_REQUEST",
      message: expect.stringContaining("NAME_INVALID: fault: status 400"),
      details: { status: 400, registryCode: "NAME_INVALID", retryable: false },
    });
    expect(client.fastClock.sleeps).toEqual([]);
  });

  test("R5: Retry-After is honoured in seconds and as a date, up to a cap", async () => {
    const { registry, source, client } = await setUp();
    putImage(registry.content, "team/app", "1");
    const date = "Sat, 21 Nov 2026 05:00:00 GMT";
    registry.fail({ path: "/manifests/", times: 1, action: answerStatus(429, { "retry-after": "7" }) });
    registry.fail({
      path: "/manifests/",
      after: 1,
      times: 1,
      action: answerStatus(503, { date, "retry-after": "Sat, 21 Nov 2026 05:00:09 GMT" }),
    });
    registry.fail({ path: "/manifests/", after: 2, times: 1, action: answerStatus(429, { "retry-after": "86400" }) });
    await source.fetchManifest("1");
    expect(client.fastClock.sleeps).toEqual([7_000, 9_000, 60_000]);
  });
});

describe("R7: lengths and ranges that lie", () => {
  test("R7: a broken download goes on by range and asks for nothing twice", async () => {
    const { registry, source } = await setUp();
    registry.content.putBlob("team/app", BYTES);
    registry.fail({ path: BLOBS, times: 1, action: resetAfter(100_000) });
    expect((await collect(source.open(BLOB))).equals(BYTES)).toBe(true);
    const ranges = registry.requests.filter(({ path }) => path.includes(BLOBS)).map(({ headers }) => headers["range"]);
    expect(ranges).toHaveLength(2);
    expect(ranges[1]).toMatch(/^bytes=[1-9]\d*-$/);
  });

  test("R7: a stalled download goes on by range", async () => {
    const { registry, source } = await setUp();
    registry.content.putBlob("team/app", BYTES);
    registry.fail({ path: BLOBS, times: 1, action: stallAfter(65_536) });
    expect((await collect(source.open(BLOB))).equals(BYTES)).toBe(true);
  });

  test("R7: a server that breaks off again and again is used while it makes progress", async () => {
    const { registry, source } = await setUp();
    registry.content.putBlob("team/app", BYTES);
    registry.fail({ path: BLOBS, times: 10, action: resetAfter(20_000) });
    expect((await collect(source.open(BLOB))).equals(BYTES)).toBe(true);
  });

  const answers: readonly [string, FaultAction][] = [
    ["the whole blob instead of the range", change((reply) => ({ ...reply, status: 200, headers: {}, body: BYTES }))],
    [
      "a range that starts elsewhere",
      changeHeaders({ "content-range": `bytes 0-${BYTES.length - 1}/${BYTES.length}` }),
    ],
    ["a range that ends early", changeHeaders({ "content-range": `bytes 5-${BYTES.length - 2}/${BYTES.length}` })],
    ["a range without a Content-Range", changeHeaders({ "content-range": undefined })],
    ["416", answerStatus(416)],
  ];
  test.each(answers)(
    "R7: answered with %s, the download begins anew and its bytes are right",
    async (_name, action) => {
      const { registry, source } = await setUp();
      registry.content.putBlob("team/app", BYTES);
      registry.fail({ path: BLOBS, times: 1, action: resetAfter(100_000) });
      registry.fail({ path: BLOBS, after: 1, times: 1, action });
      expect((await collect(source.open(BLOB))).equals(BYTES)).toBe(true);
    },
  );

  test("R7: a range whose bytes are others ends in a digest error", async () => {
    const { registry, source } = await setUp();
    registry.content.putBlob("team/app", BYTES);
    registry.fail({ path: BLOBS, times: 1, action: resetAfter(100_000) });
    registry.fail({ path: BLOBS, after: 1, action: flipBit(3) });
    expect(await outcome(collect(source.open(BLOB)))).toBe("BLOB_DIGEST_MISMATCH");
  });

  const lengths: readonly [string, FaultAction, RegExp][] = [
    ["too short a length", lieAboutLength(1000), /^(BLOB_SIZE_MISMATCH|REGISTRY_\w+)$/],
    ["too long a length", lieAboutLength(BYTES.length + 1000), /^(BLOB_SIZE_MISMATCH|REGISTRY_\w+)$/],
  ];
  test.each(lengths)("R7: a blob with %s is an error", async (_name, action, code) => {
    const { registry, source } = await setUp();
    registry.content.putBlob("team/app", BYTES);
    registry.fail({ path: BLOBS, action });
    expect(await outcome(collect(source.open(BLOB)))).toMatch(code);
  });

  test("R7: a blob without a length is read to its end", async () => {
    const { registry, source } = await setUp();
    registry.content.putBlob("team/app", BYTES);
    registry.fail({ path: BLOBS, action: lieAboutLength(null) });
    expect((await collect(source.open(BLOB))).equals(BYTES)).toBe(true);
  });

  test("R7: chunked without an end is repeated, then an error", async () => {
    const { registry, source } = await setUp();
    registry.content.putBlob("team/app", BYTES);
    registry.fail({ path: BLOBS, action: change((reply) => ({ ...reply, contentLength: null, resetAfter: 0 })) });
    expect(await outcome(collect(source.open(BLOB)))).toBe("REGISTRY_REQUEST");
  });

  test.each([
    ["too short a length", lieAboutLength(20)],
    ["no end", change((reply) => ({ ...reply, contentLength: null, resetAfter: 20 }))],
    ["too long a length", lieAboutLength(100_000)],
  ])("R7: a manifest with %s is an error", async (_name, action) => {
    const { registry, source } = await setUp({ retry: { ...DEFAULT_RETRY, attempts: 1 } });
    const { descriptor } = putImage(registry.content, "team/app", "1");
    registry.fail({ path: "/manifests/", action });
    await expect(source.fetchManifest(descriptor.digest)).rejects.toSatisfy(isOcibuildError);
  });
});

describe("R8: encoded replies", () => {
  test.each(["gzip", "br", "deflate", "gzip, gzip"])(
    "R8: a blob encoded as %s is refused, not decoded",
    async (encoding) => {
      const { registry, source } = await setUp();
      registry.content.putBlob("team/app", BYTES);
      registry.fail({ path: BLOBS, action: changeHeaders({ "content-encoding": encoding }) });
      expect(await outcome(collect(source.open(BLOB)))).toBe("REGISTRY_PROTOCOL");
    },
  );

  test("R8: a manifest encoded as gzip is refused", async () => {
    const { registry, source } = await setUp();
    putImage(registry.content, "team/app", "1");
    registry.fail({ path: "/manifests/", action: changeHeaders({ "content-encoding": "gzip" }) });
    await expect(source.fetchManifest("1")).rejects.toMatchObject({ code: "REGISTRY_PROTOCOL" });
  });
});

describe("R15: mirrors", () => {
  async function mirrored(): Promise<{ home: TestRegistry; mirror: TestRegistry; source: RegistrySource }> {
    const home = await start();
    const mirror = await start({ content: home.content });
    const client = testClient({
      hosts: registryHosts({ mirrors: [`127.0.0.1:${home.port}=${mirror.url}`] }),
      timeouts: { connectMs: 500, headersMs: 100, uploadReplyMs: 100, bodyIdleMs: 100 },
      retry: { ...DEFAULT_RETRY, attempts: 1 },
    });
    cleanups.push(client.close);
    return { home, mirror, source: registrySource(client, parseReference(`${home.host}/team/app:1`)) };
  }

  test("R15: everything comes from the mirror while it works", async () => {
    const { home, source } = await mirrored();
    const image = putImage(home.content, "team/app", "1");
    await source.fetchManifest("1");
    await collect(source.open(blobOf(image.layer)));
    expect(home.requests).toEqual([]);
  });

  test.each([
    ["404", answerStatus(404)],
    ["500", answerStatus(500)],
    ["401", answerStatus(401)],
    ["a stall", stall],
    ["other bytes", changeBody((body) => Buffer.from(body).fill(0x20, 0, 1))],
    ["a redirect loop", redirectTo((path) => path)],
  ])("R15: a mirror that gives %s is passed over", async (_name, action) => {
    const { home, mirror, source } = await mirrored();
    const image = putImage(home.content, "team/app", "1");
    mirror.fail({ action });
    expect((await source.fetchManifest("1")).bytes.equals(image.manifest)).toBe(true);
    const written: Buffer[] = [];
    const target = {
      async write(_blob: unknown, bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
        written.length = 0;
        for await (const chunk of bytes) written.push(Buffer.from(chunk));
      },
    };
    await pullBlob(source, target, blobOf(image.layer));
    expect(Buffer.concat(written).equals(image.layer)).toBe(true);
  });

  test("R15: a mirror that breaks off is continued by the registry itself", async () => {
    const { home, mirror, source } = await mirrored();
    const image = putImage(home.content, "team/app", "1");
    mirror.fail({ path: BLOBS, times: 1, action: resetAfter(50_000) });
    mirror.fail({ path: BLOBS, after: 1, action: resetBefore });
    expect((await collect(source.open(blobOf(image.layer)))).equals(image.layer)).toBe(true);
    expect(home.requests.at(-1)?.headers["range"]).toMatch(/^bytes=[1-9]/);
  });

  test("R15: the error of the registry itself is shown, with the mirror's in the hint", async () => {
    const { home, source } = await mirrored();
    putImage(home.content, "team/app", "1");
    const error = await source.fetchManifest("none").catch((thrown: unknown) => thrown);
    expect(isOcibuildError(error, "REGISTRY_NOT_FOUND") && error.hint).toMatch(
      /Mirrors were asked before: 127\.0\.0\.1:/,
    );
  });
});
