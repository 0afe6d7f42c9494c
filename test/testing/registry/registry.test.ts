import { request } from "node:http";
import { afterEach, describe, expect, test } from "vitest";
import { sha256 } from "../../../src/testing/registry/content.js";
import {
  answerStatus,
  flipBit,
  lieAboutLength,
  loseReply,
  resetAfter,
  stall,
} from "../../../src/testing/registry/faults.js";
import { startRegistry, type TestRegistry } from "../../../src/testing/registry/registry.js";

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(): Promise<TestRegistry> {
  const registry = await startRegistry();
  cleanups.push(registry.close);
  return registry;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
  /** Code of the error that ended the reply, if one did. */
  readonly error?: string;
}

/** One request over a connection of its own, by Node's own client: the registry is not tested by the client it tests. */
function ask(url: string, method = "GET", headers: Record<string, string> = {}, body?: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      const answer = (error?: string): void =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks),
          ...(error === undefined ? {} : { error }),
        });
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => answer());
      response.on("error", (error: NodeJS.ErrnoException) => answer(error.code ?? "error"));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

const BYTES = Buffer.from("0123456789");

describe("startRegistry", () => {
  test("takes a blob by POST, PATCH and PUT and gives it whole and by range", async () => {
    const registry = await start();
    const { headers } = await ask(`${registry.url}/v2/a/b/blobs/uploads/`, "POST");
    const first = await ask(String(headers["location"]), "PATCH", { "content-range": "0-3" }, BYTES.subarray(0, 4));
    expect([first.status, first.headers["range"]]).toEqual([202, "0-3"]);
    const wrong = await ask(String(first.headers["location"]), "PATCH", { "content-range": "9-9" }, BYTES.subarray(9));
    expect(wrong.status).toBe(416);
    const done = await ask(`${first.headers["location"]}&digest=${sha256(BYTES)}`, "PUT", {}, BYTES.subarray(4));
    expect(done).toMatchObject({ status: 201, headers: { "docker-content-digest": sha256(BYTES) } });
    const blob = `${registry.url}/v2/a/b/blobs/${sha256(BYTES)}`;
    expect((await ask(blob)).body.toString()).toBe("0123456789");
    expect(await ask(blob, "HEAD")).toMatchObject({ status: 200, headers: { "content-length": "10" } });
    expect(await ask(blob, "GET", { range: "bytes=3-5" })).toMatchObject({
      status: 206,
      headers: { "content-range": "bytes 3-5/10" },
      body: Buffer.from("345"),
    });
    expect((await ask(blob, "GET", { range: "bytes=10-" })).status).toBe(416);
  });

  test("refuses a blob whose digest is another one, and a session whose query was changed", async () => {
    const registry = await start();
    const { headers } = await ask(`${registry.url}/v2/a/b/blobs/uploads/`, "POST");
    const location = String(headers["location"]);
    const changed = location.replace("%20", "+").replace("a%2Bb", "a+b");
    expect((await ask(`${changed}&digest=${sha256(BYTES)}`, "PUT", {}, BYTES)).status).toBe(404);
    expect((await ask(`${location}&digest=${sha256(Buffer.from("x"))}`, "PUT", {}, BYTES)).status).toBe(400);
  });

  test("keeps manifests by tag and digest, lists tags, and deletes", async () => {
    const registry = await start();
    const manifest = Buffer.from("{}");
    const url = `${registry.url}/v2/a/manifests/`;
    expect((await ask(`${url}v1`, "PUT", { "content-type": "x/y" }, manifest)).status).toBe(201);
    expect((await ask(`${url}${sha256(manifest)}`)).headers["content-type"]).toBe("x/y");
    expect(JSON.parse((await ask(`${registry.url}/v2/a/tags/list`)).body.toString())).toEqual({
      name: "a",
      tags: ["v1"],
    });
    expect((await ask(`${url}${sha256(manifest)}`, "DELETE")).status).toBe(202);
    expect((await ask(`${url}v1`)).status).toBe(404);
  });

  test("faults hit the n-th match, as often as they are told, until they are removed", async () => {
    const registry = await start();
    registry.fail({ method: "GET", path: "/v2/", after: 1, times: 2, action: answerStatus(503) });
    const statuses: number[] = [];
    for (let n = 0; n < 4; n++) statuses.push((await ask(`${registry.url}/v2/`)).status);
    expect(statuses).toEqual([200, 503, 503, 200]);
    const remove = registry.fail({ action: answerStatus(500) });
    expect((await ask(`${registry.url}/v2/`)).status).toBe(500);
    remove();
    expect((await ask(`${registry.url}/v2/`)).status).toBe(200);
    expect(registry.requests).toHaveLength(6);
  });

  test("can lie about bytes and lengths, break off, and lose replies", async () => {
    const registry = await start();
    const blob = `${registry.url}/v2/a/blobs/${registry.content.putBlob("a", BYTES)}`;
    registry.fail({ times: 1, action: flipBit(0) });
    expect((await ask(blob)).body.toString()).toBe("1123456789");
    registry.fail({ times: 1, action: lieAboutLength(4) });
    expect((await ask(blob).catch(() => ({ body: Buffer.from("0123") }))).body.toString()).toBe("0123");
    registry.fail({ times: 1, action: resetAfter(6) });
    expect(await ask(blob)).toMatchObject({ body: Buffer.from("012345"), error: "ECONNRESET" });
    registry.fail({ times: 1, action: loseReply });
    await expect(
      ask(`${registry.url}/v2/a/manifests/t`, "PUT", { "content-type": "x/y" }, Buffer.from("{}")),
    ).rejects.toThrow();
    expect(registry.content.tags("a")).toEqual(["t"]);
  });

  test("closes while a request is stalled", async () => {
    const registry = await start();
    registry.fail({ action: stall });
    const stalled = expect(ask(`${registry.url}/v2/`)).rejects.toThrow();
    await expect.poll(() => registry.requests.length).toBe(1);
    await registry.close();
    await registry.close();
    await stalled;
  });
});
