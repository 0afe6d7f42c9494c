/** Caches of GitHub Actions, in a service that is as strict as the real one: see test/support/gha-server.ts. */
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { build, isOcibuildError, memory } from "../../src/index.js";
import { buildChecked, fresh, type TestBuild } from "../support/builds.js";
import { ALL, scene } from "../support/cache-scene.js";
import { type GhaServer, startGhaServer } from "../support/gha-server.js";

const MAIN = "refs/heads/main";
const TOPIC = "refs/pull/7/merge";
const VARIABLES = ["ACTIONS_CACHE_URL", "ACTIONS_RESULTS_URL", "ACTIONS_CACHE_SERVICE_V2", "ACTIONS_RUNTIME_TOKEN"];

/** What a job says where actions of GitHub see the service. */
function at(server: GhaServer, version: number, token: string = server.token(MAIN)): string {
  return `type=gha,${version === 2 ? "url_v2" : "url"}=${server.url},token=${token}`;
}

const layers = (server: GhaServer): string[] => server.names().filter((name) => name.startsWith("buildkit-blob-1-"));
const indexes = (server: GhaServer): string[] => server.names().filter((name) => name.startsWith("ocibuild-index-1-"));

afterEach(() => {
  vi.unstubAllEnvs();
});

describe.each([1, 2])("a cache of GitHub Actions, version %i of the service", (version) => {
  test.each(["min", "max"])("with mode=%s rebuilds in a new store without running anything", async (mode) => {
    await using server = await startGhaServer(version === 1 ? "/secret-path" : "");
    const { options, commands } = scene();
    const first = await buildChecked(fresh({ ...options, cacheTo: [`${at(server, version)},mode=${mode}`] }));
    expect(first.warnings).toEqual([]);
    const second = await buildChecked(fresh({ ...options, cacheFrom: [at(server, version)] }));
    expect(second.warnings).toEqual([]);
    expect(second.ran).toEqual([]);
    expect(second.cached).toHaveLength(ALL);
    expect(second.digest).toBe(first.digest);
    expect(commands()).toBe(1);
    // Each COPY whose layer is there has the list of its files beside it.
    expect(layers(server)).toHaveLength(mode === "min" ? 3 + 2 : 5 + 3);
    expect(server.entries).toHaveLength(layers(server).length + 1);
  });

  test("is found by the variables of the job", async () => {
    await using server = await startGhaServer();
    for (const name of VARIABLES) vi.stubEnv(name, "");
    vi.stubEnv("ACTIONS_RUNTIME_TOKEN", server.token(MAIN));
    vi.stubEnv("ACTIONS_CACHE_SERVICE_V2", version === 2 ? "True" : "false");
    vi.stubEnv(version === 2 ? "ACTIONS_RESULTS_URL" : "ACTIONS_CACHE_URL", `${server.url}/`);
    const { options, commands } = scene();
    await buildChecked(fresh({ ...options, cacheTo: ["type=gha,scope=app"] }));
    const second = await buildChecked(fresh({ ...options, cacheFrom: ["type=gha,scope=app"] }));
    expect(second.warnings).toEqual([]);
    expect(commands()).toBe(1);
    expect(indexes(server)).toEqual([expect.stringMatching(/^ocibuild-index-1-app-[0-9a-f]{16}#1$/)]);
    const other = await buildChecked(fresh({ ...options, cacheFrom: ["type=gha"] }));
    expect(other.warnings).toEqual([expect.stringContaining('there is no cache in gha "buildkit"')]);
    expect(other.ran).toHaveLength(ALL);
  });

  test("is added to: what jobs write at once stays", async () => {
    await using server = await startGhaServer();
    server.lag = version === 2 ? 1 : 0;
    const { options, commands } = scene();
    const jobs = ["one", "two", "three"];
    const built = await Promise.all(
      jobs.map((a) => {
        const cacheTo = [`${at(server, version)},mode=max`];
        return buildChecked(fresh({ ...options, files: { a, b: "b" }, cacheTo }));
      }),
    );
    expect(built.flatMap(({ warnings }) => warnings)).toEqual([]);
    for (const entry of server.entries) entry.lag = 0;
    for (const [number, a] of jobs.entries()) {
      const again = await buildChecked(fresh({ ...options, files: { a, b: "b" }, cacheFrom: [at(server, version)] }));
      expect(again.ran).toEqual([]);
      expect(again.digest).toBe(built[number]!.digest);
    }
    expect(commands()).toBe(jobs.length);
    expect(new Set(layers(server)).size).toBe(layers(server).length);
    expect(indexes(server).map((name) => name.split("#")[1])).toEqual(["1", "2", "3"]);
  });

  test("holds what jobs for several platforms write", async () => {
    await using server = await startGhaServer();
    const { options, commands } = scene();
    const platforms = ["linux/amd64", "linux/arm64"];
    const cacheTo = [at(server, version)];
    const built = await Promise.all(
      platforms.map((platform) => buildChecked(fresh({ ...options, platforms: [platform], cacheTo }))),
    );
    expect(commands()).toBe(2);
    const both = await buildChecked(fresh({ ...options, platforms, cacheFrom: [at(server, version)] }));
    expect(both.ran).toEqual([]);
    expect(both.images.map(({ descriptor }) => descriptor.digest).sort()).toEqual(
      built.map(({ images }) => images[0]!.descriptor.digest).sort(),
    );
  });

  test("answers jobs of other branches where the service lets them read, and no others", async () => {
    await using server = await startGhaServer();
    const { options, commands } = scene();
    await buildChecked(fresh({ ...options, cacheTo: [at(server, version)] }));
    const topic = at(server, version, server.token(TOPIC, MAIN));
    const changed = { ...options, files: { a: "first", b: "changed" } };
    const first = await buildChecked(fresh({ ...changed, cacheFrom: [topic], cacheTo: [topic] }));
    expect(first.ran).toEqual(["COPY b /b"]);
    // What the topic wrote is beside what it reads of the other branch.
    const second = await buildChecked(fresh({ ...changed, cacheFrom: [topic] }));
    expect(second.ran).toEqual([]);
    const main = await buildChecked(fresh({ ...changed, cacheFrom: [at(server, version)] }));
    expect(main.ran).toEqual(["COPY b /b"]);
    const stranger = at(server, version, server.token("refs/heads/other"));
    expect((await buildChecked(fresh({ ...options, cacheFrom: [stranger] }))).warnings).toHaveLength(1);
    expect(commands()).toBe(2);
    // Only the layer that the default branch has not, its list of files and an index were written for the topic.
    expect(server.entries.filter(({ scope }) => scope === TOPIC)).toHaveLength(3);
  });

  test("is not written again when nothing changed, and healed where its index was damaged", async () => {
    await using server = await startGhaServer();
    const { options, commands } = scene();
    const target = fresh({ ...options, cacheTo: [at(server, version)] });
    await buildChecked(target);
    const entries = server.entries.length;
    server.requests.length = 0;
    await buildChecked(target);
    expect(server.entries).toHaveLength(entries);
    expect(server.requests).toHaveLength(2);
    server.blobs.setContent(String(server.entries.find(({ name }) => name.endsWith("#1"))!.id), Buffer.from("{}"));
    const damaged = await buildChecked(fresh({ ...options, cacheFrom: [at(server, version)] }));
    expect(damaged.warnings).toEqual([expect.stringMatching(/^cache gha "buildkit" cannot be read: /)]);
    await buildChecked(target);
    const again = await buildChecked(fresh({ ...options, cacheFrom: [at(server, version)] }));
    expect(again.warnings).toEqual([]);
    expect(again.ran).toEqual([]);
    expect(commands()).toBe(2);
  });

  test("whose layers the service threw away costs a warning and time", async () => {
    await using server = await startGhaServer();
    const { options, commands } = scene();
    await buildChecked(fresh({ ...options, cacheTo: [at(server, version)] }));
    const gone = server.entries.findIndex(({ name }) => name === layers(server)[0]);
    server.entries.splice(gone, 1);
    const both = { cacheFrom: [at(server, version)], cacheTo: [at(server, version)] };
    const second = await buildChecked(fresh({ ...options, ...both }));
    expect(second.warnings).toEqual([
      expect.stringMatching(/^layer "sha256:.* of cache gha "buildkit" cannot be used: /),
    ]);
    // And what was made again is there for the next.
    const third = await buildChecked(fresh({ ...options, cacheFrom: [at(server, version)] }));
    expect(third.warnings).toEqual([]);
    expect(third.ran).toEqual([]);
    expect(commands()).toBeLessThanOrEqual(2);
  });

  test("is asked again when the service is busy, as late as it says", async () => {
    await using server = await startGhaServer();
    server.budget = 2;
    let busy = 0;
    server.intercept = (_request, response) => {
      if (busy++ % 4 !== 0) return false;
      response.writeHead(503).end("busy");
      return true;
    };
    const { options, commands } = scene();
    const first = await buildChecked(fresh({ ...options, cacheTo: [at(server, version)] }));
    expect(server.requests.some((request) => request.endsWith(" 429"))).toBe(true);
    const second = await buildChecked(fresh({ ...options, cacheFrom: [at(server, version)] }));
    expect([...first.warnings, ...second.warnings]).toEqual([]);
    expect(commands()).toBe(1);
  });

  test("takes large layers in pieces, and goes on where a download broke off", async () => {
    await using server = await startGhaServer();
    const big = randomBytes(20 * 1024 * 1024);
    const options = { dockerfile: "FROM scratch\nCOPY big /big\n", files: { big } };
    const first = await buildChecked(
      fresh({ ...options, cacheTo: [`${at(server, version)},compression=uncompressed`] }),
    );
    expect(first.warnings).toEqual([]);
    const pieces = server.requests.filter((request) => /^PATCH .*\/1 |\/1 comp=block /.test(request));
    expect(pieces).toHaveLength(3);
    const layer = server.entries.find(({ name }) => name === layers(server)[0])!;
    const content = server.blobs.content(String(layer.id))!;
    const asked: (string | undefined)[] = [];
    server.intercept = (request, response) => {
      if (!request.url!.startsWith(`/container/${layer.id}?`)) return false;
      asked.push(request.headers.range);
      if (asked.length > 2) return false;
      // Once the connection breaks, and then the URL has expired.
      if (asked.length === 2) server.blobs.epoch++;
      if (asked.length === 2) return false;
      response.writeHead(200, { "content-length": content.length });
      response.write(content.subarray(0, 5_000_000), () => response.destroy());
      return true;
    };
    const second = await buildChecked(fresh({ ...options, cacheFrom: [at(server, version)] }));
    expect(second.warnings).toEqual([]);
    expect(second.ran).toEqual([]);
    expect(asked).toEqual([undefined, expect.stringMatching(/^bytes=[1-9]\d*-$/), asked[1]]);
  });

  test("that fails half-way has what was written until then", async () => {
    await using server = await startGhaServer();
    const letters = ["a", "b", "c", "d", "e", "f"];
    const dockerfile = `FROM scratch\n${letters.map((letter) => `COPY ${letter} /${letter}\n`).join("")}`;
    const files = Object.fromEntries(letters.map((letter) => [letter, letter]));
    // Four entries are written at a time: when the sixth layer is, two entries are there.
    let written = 0;
    server.intercept = (request, response, body) => {
      const isLayer = /CreateCacheEntry|\/caches$/.test(request.url!) && body.includes("buildkit-blob");
      if (!isLayer || ++written < letters.length) return false;
      const value = version === 2 ? { ok: false, message: "insufficient usage to create" } : { message: "too much" };
      response.writeHead(version === 2 ? 200 : 400, { "content-type": "application/json" }).end(JSON.stringify(value));
      return true;
    };
    const first = await buildChecked(fresh({ dockerfile, files, cacheTo: [at(server, version)] }));
    expect(first.warnings).toEqual([
      expect.stringMatching(/^the cache was not exported to gha "buildkit": POST .*: (insufficient usage|too much)/),
    ]);
    server.intercept = undefined;
    const second = await buildChecked(fresh({ dockerfile, files, cacheFrom: [at(server, version)] }));
    expect(second.cached.length).toBeGreaterThanOrEqual(2);
    expect(second.ran.length).toBeGreaterThanOrEqual(1);
  });

  test("whose service stalls ends with its deadline, and the build is there", async () => {
    await using server = await startGhaServer();
    const stalled: ServerResponse[] = [];
    server.intercept = (_request, response) => stalled.push(response) > 0;
    const built = await buildChecked(fresh({ ...scene().options, cacheTo: [`${at(server, version)},timeout=200ms`] }));
    expect(built.warnings).toEqual([
      'the cache was not exported to gha "buildkit": it took longer than 0.2 s (timeout=)',
    ]);
    expect(stalled.length).toBeGreaterThan(0);
  });

  test("is read, and not written, with a token that may only read", async () => {
    await using server = await startGhaServer();
    const { options, commands } = scene();
    await buildChecked(fresh({ ...options, cacheTo: [at(server, version)] }));
    const entries = server.entries.length;
    const reading = at(server, version, server.token(undefined, MAIN));
    const second = await buildChecked(fresh({ ...options, cacheFrom: [reading], cacheTo: [reading] }));
    expect(second.ran).toEqual([]);
    expect(second.warnings).toEqual([
      'the cache was not exported to gha "buildkit": the token of the job may read caches but write none',
    ]);
    expect(server.entries).toHaveLength(entries);
    expect(commands()).toBe(1);
  });

  test("keeps its token and its signed URLs to itself: L1", async () => {
    await using server = await startGhaServer(version === 1 ? "/canary-path" : "");
    const target = fresh({
      ...scene().options,
      cacheTo: [at(server, version), "type=inline"],
      cacheFrom: [at(server, version)],
    });
    const built = await buildChecked(target);
    const secrets = [server.token(MAIN), ...server.token(MAIN).split("."), "canary"];
    for (const secret of secrets) expect(traces(built, target.root)).not.toContain(secret);
    for (const { id, name } of server.entries) {
      const content = name + server.blobs.content(String(id))!.toString("latin1");
      for (const secret of secrets) expect(content).not.toContain(secret);
    }
  });

  test.each([
    ["a token that is refused", (server: GhaServer) => `${server.token(MAIN)}x`, undefined],
    ["a blob that is refused", undefined, (server: GhaServer) => server.blobs.epoch++],
  ])("shows nothing of them when the server repeats them: %s: L1", async (_, tokenOf, spoil) => {
    await using server = await startGhaServer(version === 1 ? "/canary-path" : "");
    const good = at(server, version);
    await buildChecked(fresh({ ...scene().options, cacheTo: [good] }));
    server.intercept = (request) => {
      if (request.url!.startsWith("/container/")) spoil?.(server);
      return false;
    };
    const spec = at(server, version, tokenOf?.(server));
    const target = fresh({ ...scene().options, cacheFrom: [spec], cacheTo: [spec] });
    const built = await buildChecked(target);
    expect(built.warnings.length).toBeGreaterThan(0);
    const secrets = [server.token(MAIN), ...server.token(MAIN).split("."), "canary", "sig=", "/container/"];
    for (const secret of secrets) expect(traces(built, target.root)).not.toContain(secret);
  });

  test.each([301, 302, 307, 308])("is asked nowhere else, whatever a redirect says: status %i: R1", async (status) => {
    await using server = await startGhaServer();
    await using other = await startGhaServer();
    server.intercept = (request, response) => {
      response.writeHead(status, { location: `${other.url}${request.url}` }).end();
      return true;
    };
    const spec = at(server, version);
    const built = await buildChecked(fresh({ ...scene().options, cacheTo: [spec], cacheFrom: [spec] }));
    expect(built.warnings).toHaveLength(2);
    expect(built.warnings.join()).toContain(`was answered with status ${status}: redirects are not followed`);
    expect(other.requests).toEqual([]);
  });
});

/** Everything that a build tells or leaves, as one text. */
function traces(built: TestBuild, root: string): string {
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const contents = files.map((file) => readFileSync(join(file.parentPath, file.name), "latin1"));
  return (
    JSON.stringify(built.events) + built.images.map((image) => image.configBytes.toString()).join() + contents.join()
  );
}

test("without the variables of a job the error says how to get them, before anything is done", async () => {
  for (const name of VARIABLES) vi.stubEnv(name, "");
  for (const [words, missing] of [
    ["type=gha", "ACTIONS_RESULTS_URL or ACTIONS_CACHE_URL"],
    ["type=gha,url=https://cache.example", "ACTIONS_RUNTIME_TOKEN"],
  ] as const) {
    for (const option of ["cacheFrom", "cacheTo"]) {
      const failed = await build({ context: memory({}), dockerfile: "FROM scratch\n", [option]: [words] }).catch(
        (error: unknown) => error,
      );
      expect(isOcibuildError(failed, "OPTIONS_INVALID") && failed).toMatchObject({
        message: expect.stringContaining(missing),
        hint: expect.stringContaining("uses: crazy-max/ghaction-github-runtime@v4"),
      });
    }
  }
});
