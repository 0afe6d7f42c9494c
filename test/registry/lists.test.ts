import { afterEach, describe, expect, test } from "vitest";
import { parseReference } from "../../src/oci/reference.js";
import { staticCredentials } from "../../src/registry/credentials.js";
import { listRepositories, listTags } from "../../src/registry/lists.js";
import { nextLink } from "../../src/registry/pages.js";
import { answerStatus, changeBody, changeHeaders } from "../../src/testing/registry/faults.js";
import { startRegistry, type TestRegistry, type TestRegistryOptions } from "../../src/testing/registry/registry.js";
import { OCI_MANIFEST, testClient } from "../support/registry.js";

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function listOf(names: AsyncIterable<string>): Promise<string[]> {
  const list: string[] = [];
  for await (const name of names) list.push(name);
  return list;
}

interface Setup {
  readonly registry: TestRegistry;
  tags(pageSize?: number): Promise<string[]>;
  repositories(pageSize?: number): Promise<string[]>;
}

async function setUp(options: TestRegistryOptions = {}, withCredentials = true): Promise<Setup> {
  const registry = await startRegistry(options);
  const credentials = staticCredentials(
    new Map(withCredentials ? [[registry.host, { kind: "basic", username: "me", password: "x" }]] : []),
  );
  const client = testClient({ credentials });
  cleanups.push(registry.close, client.close);
  const name = parseReference(`${registry.host}/team/app`);
  return {
    registry,
    tags: (pageSize) => listOf(listTags(client, name, pageSize === undefined ? {} : { pageSize })),
    repositories: (pageSize) =>
      listOf(listRepositories(client, registry.host, pageSize === undefined ? {} : { pageSize })),
  };
}

function tag(registry: TestRegistry, count: number): string[] {
  const tags = Array.from({ length: count }, (_, index) => `v${String(index).padStart(4, "0")}`);
  registry.content.putManifest("team/app", Buffer.from("{}"), OCI_MANIFEST, ...tags);
  return tags;
}

describe("listTags", () => {
  test("gives all tags in one page", async () => {
    const { registry, tags } = await setUp();
    const all = tag(registry, 3);
    expect(await tags()).toEqual(all);
    expect(registry.requests.map(({ path }) => path)).toContain("/v2/team/app/tags/list");
  });

  test("follows pages, as large as the registry makes them", async () => {
    const { registry, tags } = await setUp({ pageSize: 10 });
    const all = tag(registry, 95);
    expect(await tags(50)).toEqual(all);
    expect(registry.requests.filter(({ path }) => path.includes("tags/list"))).toHaveLength(10);
  });

  test("a repository that is not there is REGISTRY_NOT_FOUND, one without tags has none", async () => {
    const { registry, tags } = await setUp();
    await expect(tags()).rejects.toMatchObject({ code: "REGISTRY_NOT_FOUND" });
    registry.fail({ path: "tags/list", action: changeBody(() => Buffer.from('{"name":"team/app","tags":null}')) });
    tag(registry, 1);
    expect(await tags()).toEqual([]);
  });

  test("R12: pages that link in a circle, or without an end, are an error", async () => {
    const { registry, tags } = await setUp();
    tag(registry, 1);
    registry.fail({
      path: "tags/list",
      action: changeHeaders({ link: '</v2/team/app/tags/list?last=x>; rel="next"' }),
    });
    await expect(tags()).rejects.toMatchObject({
      code: "REGISTRY_PROTOCOL",
      message: expect.stringContaining("circle"),
    });
  });

  test.each(["http://127.0.0.1:1/v2/x", "//evil.example/x", "http://[", "https://user:pw@evil.example/"])(
    "R1: a page on another server (%s) is an error, and nothing is sent there",
    async (link) => {
      const { registry, tags } = await setUp();
      tag(registry, 1);
      registry.fail({ path: "tags/list", action: changeHeaders({ link: `<${link}>; rel="next"` }) });
      await expect(tags()).rejects.toMatchObject({ code: "REGISTRY_PROTOCOL" });
    },
  );

  test.each([
    ["HTML", "<html>hello</html>"],
    ["a number", "1"],
    ["tags that are no list", '{"tags": {}}'],
    ["a tag that is no text", '{"tags": [1]}'],
    ["a tag with a slash", '{"tags": ["a/../b"]}'],
    ["a tag with an escape sequence", '{"tags": ["\\u001b[2J"]}'],
  ])("R12: %s instead of a list is a protocol error", async (_name, body) => {
    const { registry, tags } = await setUp();
    tag(registry, 1);
    registry.fail({ path: "tags/list", action: changeBody(() => Buffer.from(body)) });
    const error: unknown = await tags().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "REGISTRY_PROTOCOL" });
    expect(String(error)).not.toContain("\u001b");
  });

  test("R5: a page that fails once is asked for again", async () => {
    const { registry, tags } = await setUp({ pageSize: 2 });
    const all = tag(registry, 5);
    registry.fail({ path: "last=", times: 1, action: answerStatus(503) });
    expect(await tags()).toEqual(all);
  });
});

describe("listRepositories", () => {
  test("follows pages, with the catalogue's own scope", async () => {
    const { registry, repositories } = await setUp({
      access: { kind: "bearer", users: { me: "x" } },
      pageSize: 2,
    });
    for (const name of ["a", "b/c", "d", "e", "f"]) registry.content.putBlob(name, Buffer.from("x"));
    expect(await repositories()).toEqual(["a", "b/c", "d", "e", "f"]);
    expect(registry.requests.find(({ server }) => server === "token")?.path).toContain("scope=registry%3Acatalog%3A*");
  });

  test("a registry that does not tell says so in its own words", async () => {
    const { registry, repositories } = await setUp({ access: { kind: "bearer", users: {} } }, false);
    await expect(repositories()).rejects.toMatchObject({ code: "REGISTRY_UNAUTHORIZED" });
    registry.fail({ path: "_catalog", action: answerStatus(404) });
    await expect(repositories()).rejects.toMatchObject({ code: "REGISTRY_NOT_FOUND" });
  });
});

test.each([
  [undefined, undefined],
  ['</a?n=1>; rel="next"', "/a?n=1"],
  ["</a>; rel=next", "/a"],
  ['</p>; rel="prev", </a>; title="x"; rel="next"', "/a"],
  ['</a>; rel="last next"', "/a"],
  ['</a>; rel="nextish"', undefined],
  ["</a>", undefined],
  ["a; rel=next", undefined],
])("Link %j leads to %j", (header, target) => {
  expect(nextLink(header)).toBe(target);
});
