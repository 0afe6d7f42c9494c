/** The program as a process: bundled as for a release, then started. What needs no process is in run-cli.test.ts. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadedAtStart } from "../support/architecture-rules.js";
import { readSources } from "../support/source-graph.js";
import { tempFolder } from "../support/temp-folder.js";

// Inside the package, so that the bundle finds the dependencies.
const cache = fileURLToPath(new URL("../../node_modules/.cache/", import.meta.url));
const dependencies = Object.keys(
  JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")).dependencies,
);
let folder: string;

beforeAll(async () => {
  mkdirSync(cache, { recursive: true });
  folder = mkdtempSync(join(cache, "program-test-"));
  const bundle = await rolldown({
    input: { cli: "src/cli/main.ts" },
    platform: "node",
    external: (id) => id.startsWith("node:") || dependencies.some((name) => id === name || id.startsWith(`${name}/`)),
    resolve: { extensionAlias: { ".js": [".ts", ".js"] } },
    transform: { target: "node20", define: { OCIBUILD_VERSION: '"9.8.7"' } },
  });
  await bundle.write({ dir: folder, format: "esm", entryFileNames: "[name].js", chunkFileNames: "[name]-[hash].js" });
  // Tells which modules are loaded, in the order in which they are asked for.
  const hooks = `import { appendFileSync } from "node:fs";
    export async function resolve(specifier, context, next) {
      const resolved = await next(specifier, context);
      appendFileSync(process.env.MODULE_LIST, resolved.url + "\\n");
      return resolved;
    }`;
  const register = `import { register } from "node:module"; register("data:text/javascript," + encodeURIComponent(${JSON.stringify(hooks)}));`;
  writeFileSync(join(folder, "list-modules.mjs"), register);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdout?: number | "pipe";
  readonly nodeArgs?: readonly string[];
}

function start(args: readonly string[], options: StartOptions = {}): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [...(options.nodeArgs ?? []), join(folder, "cli.js"), ...args], {
    env: { ...process.env, OCIBUILD_ROOT: join(folder, "root"), ...options.env },
    stdio: ["pipe", options.stdout ?? "pipe", "pipe"],
  });
  const texts = { stdout: "", stderr: "" };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    texts.stdout += text;
  });
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    texts.stderr += text;
  });
  const ended = new Promise<Ended>((resolve) => child.once("close", (code) => resolve({ code, ...texts })));
  return { child, ended };
}

/** A folder whose Dockerfile needs nothing from elsewhere. */
function context(): string {
  const path = tempFolder();
  writeFileSync(join(path, "Dockerfile"), "FROM scratch\nCOPY Dockerfile /\n");
  return path;
}

describe("what is loaded", () => {
  async function loadedBy(args: readonly string[]): Promise<string[]> {
    const list = join(folder, `modules-${args.join("")}`);
    const nodeArgs = ["--import", join(folder, "list-modules.mjs")];
    await start(args, { nodeArgs, env: { MODULE_LIST: list } }).ended;
    return readFileSync(list, "utf8").split("\n");
  }
  /** The packages among them, in no order. */
  const packagesOf = (urls: readonly string[]): string[] => [
    ...new Set(urls.flatMap((url) => /node_modules\/(?!\.cache)([^/]+)\//.exec(url)?.[1] ?? [])),
  ];

  test("--version loads no package", async () => {
    const urls = await loadedBy(["--version"]);
    expect(packagesOf(urls)).toEqual([]);
    expect(urls.filter((url) => url.startsWith("node:"))).toEqual([]);
  });

  test("--help and wrong use load commander alone, and nothing that builds", async () => {
    for (const args of [["--help"], ["--taget"]]) {
      const urls = await loadedBy(args);
      expect(packagesOf(urls)).toEqual(["commander"]);
      expect(urls.filter((url) => /\/build-/.test(url))).toEqual([]);
    }
  });

  test("the sources of the command line name no package at their start but commander", () => {
    const sources = readSources("src");
    const others = dependencies.filter((name) => name !== "commander");
    for (const path of sources.keys()) {
      if (path.startsWith("src/cli/")) expect(loadedAtStart(sources, path, others)).toEqual([]);
    }
    expect(loadedAtStart(sources, "src/cli/run-cli.ts", [...dependencies, ...builtinModules])).toEqual([]);
  });
});

describe("the program", () => {
  test("prints its version", async () => {
    expect(await start(["--version"]).ended).toEqual({ code: 0, stdout: "ocibuild 9.8.7\n", stderr: "" });
  });

  test("builds: the digest on stdout, everything else on stderr", async () => {
    const { code, stdout, stderr } = await start([context()]).ended;
    expect(stderr).toContain("#1 [1/1] COPY Dockerfile /");
    expect(stdout).toMatch(/^sha256:[0-9a-f]{64}\n$/);
    expect(code).toBe(0);
  });

  test("ends when nobody reads its output, without a word", async () => {
    const { child, ended } = start([context()]);
    child.stdout!.destroy();
    const { code, stderr } = await ended;
    expect(code).toBe(141);
    expect(stderr).not.toContain("EPIPE");
  });

  test.runIf(process.platform === "linux")("does not claim success when the digest cannot be written", async () => {
    const { code, stderr } = await start([context()], { stdout: openSync("/dev/full", "w") }).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/ERROR: standard output could not be written: ENOSPC/);
  });

  test.runIf(process.platform !== "win32")(
    "K11: ends soon after SIGINT, even while it waits for standard input",
    async () => {
      const root = join(tempFolder(), "root");
      const { child, ended } = start(["-"], { env: { OCIBUILD_ROOT: root } });
      child.stdin!.write("FROM scr");
      // Standard input stays open. The store is there as soon as the build has begun.
      while (!existsSync(root) && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 10));
      child.kill("SIGINT");
      const { code, stdout, stderr } = await ended;
      expect({ code, stdout, stderr }).toEqual({ code: 130, stdout: "", stderr: "ERROR: interrupted by SIGINT\n" });
    },
  );
});
