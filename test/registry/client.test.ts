import { getEventListeners } from "node:events";
import { afterEach, describe, expect, test } from "vitest";
import { parseReference } from "../../src/oci/reference.js";
import { createRegistryClient } from "../../src/registry/client.js";
import { homeEndpoint } from "../../src/registry/hosts.js";
import { registrySource } from "../../src/registry/pull.js";
import { answerStatus, change, stall } from "../../src/testing/registry/faults.js";
import { startRegistry, type TestRegistry } from "../../src/testing/registry/registry.js";
import { putImage, testClient } from "../support/registry.js";

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function setUp(): Promise<{ registry: TestRegistry; client: ReturnType<typeof testClient> }> {
  const registry = await startRegistry();
  const client = testClient();
  cleanups.push(registry.close, client.close);
  return { registry, client };
}

describe("createRegistryClient", () => {
  test("close ends requests under way and may be called twice", async () => {
    const { registry } = await setUp();
    registry.fail({ action: stall });
    const client = createRegistryClient({ retry: { attempts: 1, baseDelayMs: 1, maxDelayMs: 1, maxRetryAfterMs: 1 } });
    const pending = registrySource(client, parseReference(`${registry.host}/a/b`)).fetchManifest("1");
    const settled = expect(pending).rejects.toThrow();
    await expect.poll(() => registry.requests.length).toBe(1);
    await client.close();
    await client.close();
    await settled;
  });

  test("opens no more connections to an origin than it is told", async () => {
    const registry = await startRegistry();
    const client = testClient({ connectionsPerOrigin: 2 });
    cleanups.push(registry.close, client.close);
    putImage(registry.content, "team/app", "1");
    const source = registrySource(client, parseReference(`${registry.host}/team/app`));
    await source.fetchManifest("1");
    const before = registry.connections;
    await Promise.all(Array.from({ length: 12 }, () => source.fetchManifest("1")));
    expect(registry.connections - before).toBeLessThanOrEqual(2);
  });

  test("leaves no listener on the caller's signal", async () => {
    const { registry, client } = await setUp();
    putImage(registry.content, "team/app", "1");
    const { signal } = new AbortController();
    const source = registrySource(client, parseReference(`${registry.host}/team/app`));
    for (let n = 0; n < 5; n++) await source.fetchManifest("1", { signal });
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  test("sends nothing for an aborted signal", async () => {
    const { registry, client } = await setUp();
    const source = registrySource(client, parseReference(`${registry.host}/team/app`));
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(source.fetchManifest("1", { signal })).rejects.toThrow("enough");
    expect(registry.requests).toEqual([]);
  });

  test("an unexpected success is a protocol error", async () => {
    const { registry, client } = await setUp();
    registry.fail({ path: "/manifests/", action: change(() => ({ status: 204 })) });
    const source = registrySource(client, parseReference(`${registry.host}/team/app`));
    await expect(source.fetchManifest("1")).rejects.toMatchObject({ code: "REGISTRY_PROTOCOL" });
  });

  test.each([
    ["text/html", "<html><body>nginx secret</body></html>", ""],
    ["text/plain", "too busy\nnow", "too busy now"],
    ["application/json", '{"errors":[{"code":"DENIED","message":"no\\u001b[31m"},{"code":"X"}]}', "DENIED: no [31m; X"],
    ["application/json", '{"message":"gone away"}', "gone away"],
    ["application/json", '{"errors":"nonsense"}', ""],
    ["application/json", "{", ""],
  ])("L6: shows what a %s error body says to people, on one line without controls", async (type, body, shown) => {
    const { registry, client } = await setUp();
    const reply = { status: 400, headers: { "content-type": type }, body: Buffer.from(body) };
    registry.fail({ path: "/manifests/", action: { type: "answer", reply: () => reply } });
    const source = registrySource(client, parseReference(`${registry.host}/team/app`));
    const end = `was answered with status 400${shown === "" ? "" : `: ${shown}`}`;
    await expect(source.fetchManifest("1")).rejects.toMatchObject({
      message: expect.stringMatching(new RegExp(`${end.replace(/[[\]]/g, "\\$&")}$`)),
    });
  });

  test("an error body is read up to a limit", async () => {
    const { registry, client } = await setUp();
    const reply = { status: 400, headers: { "content-type": "text/plain" }, body: Buffer.alloc(5_000_000, "x") };
    registry.fail({ path: "/manifests/", action: { type: "answer", reply: () => reply } });
    const source = registrySource(client, parseReference(`${registry.host}/team/app`));
    const error: unknown = await source.fetchManifest("1").catch((thrown: unknown) => thrown);
    expect(String(error).length).toBeLessThan(1000);
  });

  test("R11: what is neither a tag nor a digest never becomes a URL", async () => {
    const { registry, client } = await setUp();
    const source = registrySource(client, parseReference(`${registry.host}/team/app`));
    for (const text of ["", "..", "../../x", "a/b", "a?b", "a%2fb", "sha256:1", "a b", "a".repeat(129)]) {
      await expect(source.fetchManifest(text)).rejects.toMatchObject({ code: "REFERENCE_INVALID" });
      await expect(source.resolveTag(text)).rejects.toMatchObject({ code: "REFERENCE_INVALID" });
    }
    expect(registry.requests).toEqual([]);
  });

  test("finds the origin again after a failure", async () => {
    const { registry, client } = await setUp();
    registry.fail({ action: answerStatus(500), times: 1 });
    const endpoint = homeEndpoint(client.hosts, registry.host);
    expect((await client.originOf(endpoint)).origin).toBe(registry.url);
    await registry.close();
    const gone = homeEndpoint(client.hosts, "127.0.0.1:1");
    await expect(client.originOf(gone)).rejects.toMatchObject({ code: "REGISTRY_REQUEST" });
  });
});
