/** Content in a service whose names are taken once: what happens when others are at it, die, or answers get lost. */
import type { ServerResponse } from "node:http";
import { describe, expect, test } from "vitest";
import { isOcibuildError } from "../../src/errors.js";
import type { RetryPolicy } from "../../src/http/retry.js";
import { createTransport, DEFAULT_TIMEOUTS, type Transport } from "../../src/http/transport.js";
import { ghaPlace, layerName } from "../../src/shared-cache/gha-place.js";
import { GhaStore } from "../../src/shared-cache/gha-store.js";
import { type GhaServer, startGhaServer } from "../support/gha-server.js";
import { blobOf, bytesFor, collect, FastClock } from "../support/registry.js";

const MIB = 1024 * 1024;
const BRANCH = "refs/heads/main";

interface Scene extends AsyncDisposable {
  readonly server: GhaServer;
  readonly clock: FastClock;
  readonly store: GhaStore;
  /** The store of another job, with its own clock. */
  another(clock: FastClock): GhaStore;
}

async function scene(
  version: number,
  { prefix = "", retry }: { prefix?: string; retry?: RetryPolicy } = {},
): Promise<Scene> {
  const server = await startGhaServer(prefix);
  const transport: Transport = createTransport({
    userAgent: "test",
    timeouts: { ...DEFAULT_TIMEOUTS, headersMs: 2_000 },
    connectionsPerOrigin: 6,
    insecureHosts: new Set(),
    maxRedirects: 0,
  });
  const clock = new FastClock();
  const spec = version === 2 ? { urlV2: server.url } : { url: server.url };
  const place = ghaPlace({ ...spec, token: server.token(BRANCH) });
  const another = (ownClock: FastClock): GhaStore =>
    new GhaStore(place, { transport, clock: ownClock, ...(retry && { retry }) }, 60_000);
  return {
    server,
    clock,
    store: another(clock),
    another,
    async [Symbol.asyncDispose]() {
      await transport.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

const CONTENT = bytesFor("layer", 100_000);
const BLOB = blobOf(CONTENT);
const NAME = layerName(BLOB.digest);
const read = (store: GhaStore): Promise<Buffer> => collect(store.readContent(NAME, BLOB, {}));
const write = (store: GhaStore): Promise<void> => store.writeContent(NAME, CONTENT.length, () => [CONTENT], {});
const RESERVING = /CreateCacheEntry|\/caches$/;
const FINISHING = /FinalizeCacheEntryUpload|\/caches\/\d+$/;

describe.each([1, 2])("content in version %i of the service", (version) => {
  test("is read as it was written, and written once", async () => {
    await using at = await scene(version);
    expect(await at.store.hasContent(NAME, {})).toBe(false);
    await write(at.store);
    await write(at.store);
    expect(await at.store.hasContent(NAME, {})).toBe(true);
    expect(await read(at.store)).toEqual(CONTENT);
    expect(at.server.requests.filter((request) => RESERVING.test(request.split(" ")[1]!))).toHaveLength(1);
  });

  test.each([1, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 33 * MIB])(
    "of %i bytes is sent in blocks of 8 MiB, whatever pieces it comes in",
    async (size) => {
      await using at = await scene(version);
      const content = bytesFor("large", size);
      const pieces = function* (): Generator<Buffer> {
        for (let from = 0; from < size; from += 3_000_000) yield content.subarray(from, from + 3_000_000);
      };
      await at.store.writeContent("large", size, pieces, {});
      const sent = at.server.requests.filter((request) => /^PATCH |comp=block |^PUT [^ ]* 201/.test(request));
      expect(sent).toHaveLength(Math.ceil(size / (8 * MIB)));
      const back = await collect(at.store.readContent("large", blobOf(content), {}));
      expect(back.equals(content)).toBe(true);
    },
  );

  test("that somebody else is writing is waited for, not written again", async () => {
    await using at = await scene(version);
    const held: ServerResponse[] = [];
    at.server.intercept = (request, response) => {
      // The other's upload ends while we wait for it.
      if (!FINISHING.test(request.url!) || request.method === "PATCH" || held.length > 0) return false;
      held.push(response);
      return true;
    };
    const other = write(at.store);
    while (held.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    // However long the other takes: no more time goes by for us meanwhile.
    const clock = new (class extends FastClock {
      override async sleep(ms: number, signal?: AbortSignal): Promise<void> {
        held[0]!.destroy();
        await other;
        await super.sleep(ms, signal);
      }
    })();
    await write(at.another(clock));
    expect(clock.sleeps.length).toBeGreaterThan(0);
    expect(at.server.names()).toEqual([NAME]);
    expect(await read(at.store)).toEqual(CONTENT);
  });

  test("whose writer died is written under the next name, which is found as well", async () => {
    await using at = await scene(version);
    at.server.intercept = (request, response) => {
      if (!FINISHING.test(request.url!) && !request.url!.startsWith("/container/")) return false;
      response.writeHead(400).end();
      return true;
    };
    await expect(write(at.store)).rejects.toThrow("status 400");
    at.server.intercept = undefined;
    await write(at.store);
    expect(at.server.names()).toEqual([NAME, `${NAME}#2`]);
    expect(at.clock.nowMs).toBeGreaterThan(15_000);
    expect(await read(at.store)).toEqual(CONTENT);
  });

  test("is there when only the answer that says so got lost", async () => {
    await using at = await scene(version);
    let lost = 0;
    at.server.intercept = (request, response) => {
      if (!FINISHING.test(request.url!) || request.method === "PATCH" || lost++ > 0) return false;
      // The service does it, and its answer is cut off.
      response.end = () => response.destroy();
      return false;
    };
    await write(at.store);
    expect(lost).toBeGreaterThan(1);
    expect(await read(at.store)).toEqual(CONTENT);
  });

  test("of other entries that begin with the same name is not taken for it", async () => {
    await using at = await scene(version);
    await at.store.writeContent(`${NAME}-sig`, 3, () => [Buffer.from("sig")], {});
    expect(await at.store.hasContent(NAME, {})).toBe(false);
    const failed = await read(at.store).catch((error: unknown) => error);
    expect(isOcibuildError(failed, "BLOB_NOT_FOUND")).toBe(true);
  });

  test("is read on when its URL expires, and given up when a new one is refused too", async () => {
    await using at = await scene(version);
    await write(at.store);
    let asked = 0;
    at.server.intercept = (request, response) => {
      if (!request.url!.startsWith("/container/")) return false;
      if (asked++ === 0) {
        response.writeHead(200, { "content-length": CONTENT.length });
        response.write(CONTENT.subarray(0, 30_000), () => response.destroy());
        return true;
      }
      if (asked < 4) at.server.blobs.epoch++;
      return false;
    };
    const failed = await read(at.store).catch((error: unknown) => error);
    expect(isOcibuildError(failed, "REGISTRY_UNAUTHORIZED")).toBe(true);
    expect(asked).toBe(3);
  });

  test("is read from its start by a server that knows no ranges", async () => {
    await using at = await scene(version);
    await write(at.store);
    let asked = 0;
    at.server.intercept = (request, response) => {
      if (!request.url!.startsWith("/container/")) return false;
      response.writeHead(200, { "content-length": CONTENT.length });
      if (asked++ > 0) response.end(CONTENT);
      else response.write(CONTENT.subarray(0, 30_000), () => response.destroy());
      return true;
    };
    expect(await read(at.store)).toEqual(CONTENT);
    expect(asked).toBe(2);
  });

  test("is asked for as late as a busy service says, by everybody who shares the connection", async () => {
    await using at = await scene(version);
    let asked = 0;
    at.server.intercept = (request, response) => {
      if (!RESERVING.test(request.url!) || asked++ > 0) return false;
      response.writeHead(429, { "retry-after": "37" }).end('{"msg":"slow down"}');
      return true;
    };
    await write(at.store);
    expect(at.clock.nowMs).toBeGreaterThanOrEqual(38_000);
    at.server.intercept = (request, response) => {
      if (!RESERVING.test(request.url!)) return false;
      response.writeHead(429, { "retry-after": "3600" }).end('{"msg":"come back tomorrow"}');
      return true;
    };
    const before = at.clock.nowMs;
    await expect(at.store.writeContent("other", 3, () => [Buffer.from("abc")], {})).rejects.toThrow("status 429: come");
    expect(at.clock.nowMs).toBe(before);
  });

  test("stops on the way when the caller gives up", async () => {
    await using at = await scene(version);
    const abort = new AbortController();
    const endless = async function* (): AsyncGenerator<Buffer> {
      for (let sent = 0; ; sent++) {
        if (sent === 20) abort.abort(new Error("enough"));
        yield Buffer.alloc(MIB);
      }
    };
    await expect(at.store.writeContent(NAME, 1e9, endless, { signal: abort.signal })).rejects.toThrow("enough");
    expect(await at.store.hasContent(NAME, {})).toBe(false);
  });
});

const ONCE: RetryPolicy = { attempts: 1, baseDelayMs: 0, maxDelayMs: 0, maxRetryAfterMs: 0 };

describe.each([1, 2])("errors of version %i of the service", (version) => {
  type Spoil = (response: ServerResponse, sent: string, server: GhaServer) => void;
  test.each<[string, Spoil]>([
    ["breaks the connection", (response) => response.destroy()],
    [
      "repeats what it was sent",
      (response, sent) => response.writeHead(400).end(JSON.stringify({ msg: sent, message: sent })),
    ],
    ["is not JSON", (response, sent) => response.writeHead(200).end(`<html>${sent}`)],
    [
      "gives a URL that is none",
      (response, sent) => json(response, { ok: true, signed_download_url: sent, archiveLocation: sent }),
    ],
    [
      "gives a URL that nobody answers",
      (response) => json(response, found("http://127.0.0.1:9/container/canary?sig=canary")),
    ],
    [
      "gives a blob that is refused",
      (response, _, server) => json(response, found(String(new URL("/container/x?sig=canary", server.url)))),
    ],
    ["redirects", (response, sent) => response.writeHead(302, { location: `/${encodeURIComponent(sent)}` }).end()],
  ])("that %s show neither token nor paths nor signed URLs: L1", async (_, spoil) => {
    await using at = await scene(version, { prefix: "/canary-path", retry: ONCE });
    at.server.intercept = (request, response) => {
      if (request.url!.startsWith("/container/")) return false;
      spoil(response, `${request.headers.authorization} ${request.url}`, at.server);
      return true;
    };
    const failed = await read(at.store).catch((error: unknown) => error);
    expect(isOcibuildError(failed)).toBe(true);
    const { message, hint, details } = failed as { message: string; hint?: string; details: unknown };
    const text = JSON.stringify([message, hint, details]);
    for (const secret of [...at.server.token(BRANCH).split("."), "canary"]) expect(text).not.toContain(secret);
  });
});

test("a service over TLS cannot lead to a blob without", async () => {
  const { GhaConnection } = await import("../../src/shared-cache/gha-connection.js");
  const transport: Transport = { send: () => Promise.reject(new Error("sent")), close: async () => {} };
  const connection = new GhaConnection({ url: new URL("https://h"), token: "t" }, { transport }, 0);
  expect(() => connection.blobUrl("http://h/blob?sig=canary")).toThrow("expected the URL of a blob");
  expect(connection.blobUrl("https://b/blob?sig=1").host).toBe("b");
});

function json(response: ServerResponse, value: object): void {
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));
}

function found(url: string): object {
  return { ok: true, signed_download_url: url, matched_key: NAME, archiveLocation: url, cacheKey: NAME };
}
