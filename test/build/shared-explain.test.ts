/** What is said of misses in a store that is new, where only shared caches know of earlier builds. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { BuildEvent, MemoryFiles } from "../../src/index.js";
import { digestOf } from "../../src/oci/digest.js";
import { fakeExecutor } from "../../src/testing/fake-executor.js";
import { startRegistry } from "../../src/testing/registry/registry.js";
import { buildOnly, fresh, type TestOptions } from "../support/builds.js";
import { tempFolder } from "../support/temp-folder.js";

const DOCKERFILE = `FROM scratch AS build
COPY package.json ./
COPY src ./src
RUN make
FROM scratch
COPY --from=build /made /made
`;
const FILES: MemoryFiles = {
  "package.json": "{}",
  "src/main.js": "main",
  "src/util.js": "util",
  "src/test.js": "test",
};

/** Everything above what has changed is made anew, and has another content. */
const executor = () => fakeExecutor(() => [{ path: "made/it", content: String(Math.random()) }]);

function causesOf(events: readonly BuildEvent[]): Readonly<Record<string, readonly string[]>> {
  const names = new Map<string, string>();
  for (const event of events) if (event.type === "task-started") names.set(event.task.id, event.task.name);
  const misses = events.flatMap((event) => (event.type === "cache-miss" ? [event] : []));
  return Object.fromEntries(
    misses.map(({ id, causes }) => [names.get(id)!.replace(/^\[.*?\] /, ""), causes.map(({ text }) => text)]),
  );
}

/** Exports `FILES` to `to`, and then builds in a new store with what `change` says. */
async function secondJob(
  change: Partial<TestOptions>,
  to = `type=local,dest=${join(tempFolder(), "cache")},mode=max`,
): Promise<Readonly<Record<string, readonly string[]>>> {
  const usual = { dockerfile: DOCKERFILE, files: FILES, executor: executor(), outputs: ["type=cacheonly"] };
  await buildOnly(fresh({ ...usual, cacheTo: [to] }));
  const from = to.replace("dest=", "src=").replace(",mode=max", "");
  const { events, warnings } = await buildOnly(fresh({ ...usual, explain: true, cacheFrom: [from], ...change }));
  expect(warnings).toEqual([]);
  return causesOf(events);
}

describe("a miss in a new store", () => {
  test("is explained by the files that a shared cache knows", async () => {
    const files = { ...FILES, "src/main.js": "other", "src/check.js": "test" } as Record<string, string>;
    delete files["src/test.js"];
    expect(await secondJob({ files })).toEqual({
      "COPY src ./src": ["src/main.js: content changed", "src/test.js: renamed to src/check.js"],
      "RUN make": ["an earlier step was made anew, and no cache has what stands on it"],
      "COPY /made /made": ['/made/it of stage "build": content changed'],
    });
  });

  test("of a step that reads one file names that file", async () => {
    const causes = await secondJob({ files: { ...FILES, "package.json": '{"a":1}' } });
    expect(causes["COPY package.json ./"]).toEqual(["package.json: content changed"]);
    // What it reads is as it was.
    expect(causes["COPY src ./src"]).toEqual(["the layers below it are others"]);
  });

  test("of an instruction that no cache has says so", async () => {
    const dockerfile = DOCKERFILE.replace("RUN make", "COPY src /new\nRUN make");
    const causes = await secondJob({ dockerfile });
    expect(causes["COPY src /new"]).toEqual(["new or changed instruction: no cache that was asked knows it"]);
  });

  test("is named by --require-cache", async () => {
    const files = { ...FILES, "src/util.js": "other" };
    await expect(secondJob({ files, requireCache: true })).rejects.toMatchObject({
      code: "CACHE_MISS",
      message: expect.stringContaining("src/util.js: content changed"),
    });
  });

  test("in a registry costs a request only when it is explained", async () => {
    await using registry = await startRegistry();
    const to = `type=registry,ref=${registry.host}/team/app:cache,mode=max`;
    const files = { ...FILES, "src/main.js": "other" };
    const lists = (): number =>
      [...registry.requests].filter(({ method, path }) => {
        const digest = /blobs\/(sha256:[0-9a-f]{64})$/.exec(path)?.[1];
        return method === "GET" && digest !== undefined && listDigests().has(digest);
      }).length;
    const listDigests = (): Set<string> => {
      const found = new Set<string>();
      for (const { path } of registry.requests) {
        const reference = /manifests\/(cache-[0-9a-f]{40})$/.exec(path)?.[1];
        const manifest = reference && registry.content.manifest("team/app", reference);
        const document = manifest && JSON.parse(manifest.bytes.toString("utf8"));
        for (const { mediaType, digest } of document?.layers ?? []) if (/files\.v1/.test(mediaType)) found.add(digest);
      }
      return found;
    };
    await secondJob({ files, explain: false }, to);
    expect(listDigests().size).toBe(3);
    expect(lists()).toBe(0);
    const causes = await secondJob({ files }, to);
    expect(causes["COPY src ./src"]).toEqual(["src/main.js: content changed"]);
    expect(lists()).toBe(2);
  });
});

describe("K10: a list of files that is forged", () => {
  async function exported(): Promise<{ readonly dir: string; readonly again: () => ReturnType<typeof buildOnly> }> {
    const dir = join(tempFolder(), "cache");
    const usual = { dockerfile: DOCKERFILE, files: FILES, executor: executor(), outputs: ["type=cacheonly"] };
    await buildOnly(fresh({ ...usual, cacheTo: [`type=local,dest=${dir},mode=max`] }));
    const files = { ...FILES, "src/main.js": "other" };
    const cacheFrom = [`type=local,src=${dir}`];
    return { dir, again: () => buildOnly(fresh({ ...usual, files, explain: true, cacheFrom })) };
  }

  type Layer = { mediaType: string; digest: string; size: number };

  function forge(dir: string, change: (layer: Layer) => Layer): void {
    for (const name of readdirSync(join(dir, "entries", "v1"))) {
      const path = join(dir, "entries", "v1", name);
      const document = JSON.parse(readFileSync(path, "utf8")) as { layers: Layer[] };
      if (!/files\.v1/.test(document.layers[0]!.mediaType)) continue;
      writeFileSync(path, JSON.stringify({ ...document, layers: document.layers.map(change) }));
    }
  }

  test.each([
    ["is no list", Buffer.from("nonsense")],
    ["is a list of another step", gzipSync(Buffer.from("ocibuild step files 1"))],
    ["unpacks to more than a list may have", gzipSync(Buffer.alloc(65 * 1024 * 1024))],
  ])("and %s explains nothing", async (_, bytes) => {
    const { dir, again } = await exported();
    const digest = digestOf(bytes);
    writeFileSync(join(dir, "blobs", "sha256", digest.slice("sha256:".length)), bytes);
    forge(dir, (layer) => ({ ...layer, digest, size: bytes.length }));
    const { events, warnings } = await again();
    expect(causesOf(events)["COPY src ./src"]).toEqual([expect.stringMatching(/^new or changed instruction/)]);
    expect(warnings).toEqual([]);
  });

  test("and is larger than it may be is not fetched", async () => {
    const { dir, again } = await exported();
    forge(dir, (layer) => ({ ...layer, size: 1e12 }));
    expect(causesOf((await again()).events)["COPY src ./src"]).toHaveLength(1);
  });

  test("and is a layer is no list", async () => {
    const { dir, again } = await exported();
    forge(dir, (layer) => ({ ...layer, mediaType: "application/vnd.oci.image.layer.v1.tar+gzip" }));
    const { warnings } = await again();
    expect(warnings.join("\n")).toMatch(/its list of files is a "application\/vnd\.oci\.image\.layer/);
  });
});
