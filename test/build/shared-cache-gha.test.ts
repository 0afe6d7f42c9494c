/** Caches of GitHub Actions, in a service that is as strict as the real one: see test/support/gha-server.ts. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { build, isOcibuildError, memory } from "../../src/index.js";
import { fakeExecutor } from "../../src/testing/fake-executor.js";
import { buildChecked, fresh, type TestBuild, type TestOptions } from "../support/builds.js";
import { type GhaServer, startGhaServer } from "../support/gha-server.js";

const DOCKERFILE = `FROM scratch AS tools
COPY a /a
RUN make
FROM scratch
COPY --from=tools /made /made
WORKDIR /w
COPY b /b
`;
const ALL = 5;
const MAIN = "refs/heads/main";
const TOPIC = "refs/pull/7/merge";
const VARIABLES = ["ACTIONS_CACHE_URL", "ACTIONS_RESULTS_URL", "ACTIONS_CACHE_SERVICE_V2", "ACTIONS_RUNTIME_TOKEN"];

function scene(): { readonly options: TestOptions; commands(): number } {
  let count = 0;
  const executor = fakeExecutor((spec) => [
    { path: "made", content: `${spec.args.at(-1)} ${count++} ${Math.random()}` },
    { path: "beside", content: "it" },
  ]);
  return { options: { dockerfile: DOCKERFILE, files: { a: "first", b: "second" }, executor }, commands: () => count };
}

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
    expect(layers(server)).toHaveLength(mode === "min" ? 3 : 5);
    expect(server.entries).toHaveLength(layers(server).length + 1);
  });
});
