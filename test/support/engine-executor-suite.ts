/** What the docker executor is held to, whatever engine it has. */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import du from "../../src/cli/store/du-command.js";
import prune from "../../src/cli/store/prune-command.js";
import type { Executor, Mount } from "../../src/executor/contract.js";
import { createDockerExecutor } from "../../src/executor/docker/docker-executor.js";
import { Engine } from "../../src/executor/docker/engine.js";
import { OWNER, ROLE } from "../../src/executor/docker/labels.js";
import { ContainersSchema, CreatedSchema, ImagesSchema, VolumesSchema } from "../../src/executor/docker/schemas.js";
import { CACHE_CASES } from "../../src/testing/executor/cache-cases.js";
import { executorConformance } from "../../src/testing/executor/executor-conformance.js";
import { Lab } from "../../src/testing/executor/lab.js";
import { fakeIo } from "../cli/support/fake-io.js";
import { STRICT } from "../conformance/compare.js";
import { ENGINE_EXCEPTIONS, RUN_EXCEPTIONS } from "../conformance/run-exceptions.js";
import { runCases } from "../conformance/score.js";
import { bundleScript } from "./child.js";
import { makeOwnFolder, removeOwnFolder } from "./own-folder.js";

const OF_CACHES = new Set(CACHE_CASES.map(({ name }) => name));

export interface EngineOfSuite {
  readonly socket: string;
  stop(): Promise<void>;
}

export interface EngineSuiteOptions {
  start(): Promise<EngineOfSuite>;
  /** Titles of cases that this machine lets nobody pass. */
  readonly leftOut?: readonly string[];
  /** With it the cases of the corpus run, too: those that differ, beside those of every engine. */
  readonly corpus?: ReadonlyMap<string, string>;
}

/** Adds the tests of an executor over the engine that `start` starts. */
export function engineExecutorSuite({ start, leftOut = [], corpus }: EngineSuiteOptions): void {
  let folder: string;
  let engine: EngineOfSuite;
  beforeAll(async () => {
    folder = makeOwnFolder("docker");
    engine = await start();
  });
  afterAll(async () => {
    await engine?.stop();
    removeOwnFolder(folder);
  });
  const make = (state = "state"): Executor =>
    createDockerExecutor({ stateDir: join(folder, state), env: { DOCKER_HOST: `unix://${engine.socket}` } });

  for (const { name: title, run } of executorConformance(async () => make())) {
    it.skipIf(leftOut.includes(title))(title, async () => {
      // What is in cache mounts stays in the engine.
      expect(await run()).toBe(OF_CACHES.has(title) ? '"docker" says that it cannot' : undefined);
    });
  }

  it("leaves in the engine nothing but images and caches", async () => {
    expect(await left(engine.socket)).toEqual({ containers: [], volumes: ["cache"] });
    expect(readdirSync(join(folder, "state", "tmp"))).toEqual([]);
    expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain("ocibuild-memory");
  });

  /** Kills a builder in the middle of a command; `alsoKilled` are those that it had started. */
  const killBuilder = async (alsoKilled: boolean): Promise<void> => {
    const script = await bundleScript(join(import.meta.dirname, "docker-script.ts"), folder);
    const child = spawn(process.execPath, [script, engine.socket, join(folder, "killed")], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    await new Promise((resolve) => child.stdout.once("data", resolve));
    const ended = new Promise((resolve) => child.once("exit", resolve));
    const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "latin1").trim().split(" ");
    expect(children).toHaveLength(1);
    if (alsoKilled) for (const pid of children) process.kill(Number(pid), "SIGKILL");
    child.kill("SIGKILL");
    await ended;
  };

  it("K12: what a builder that was killed left is ended and removed at once, its locks and secrets too", async () => {
    await killBuilder(false);
    await expect
      .poll(() => left(engine.socket), { timeout: 20_000, interval: 50 })
      .toEqual({ containers: [], volumes: ["cache"] });
    expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain("ocibuild-memory");
    await using executor = make("killed");
    expect((await new Lab().run(executor, { script: "echo next" })).stdout).toBe("next\n");
  });

  it("K12: what a builder left that was killed with all it had started is removed by the next", async () => {
    await killBuilder(true);
    await using executor = make("killed");
    await executor.probe();
    expect(await left(engine.socket)).toEqual({ containers: [], volumes: ["cache"] });
    expect((await new Lab().run(executor, { script: "echo next" })).stdout).toBe("next\n");
  });

  it("du and prune find what it keeps in the engine, and leave alone what is used and what is others'", async () => {
    const env = { DOCKER_HOST: `unix://${engine.socket}` };
    const command = async (name: "du" | "prune", ...args: readonly string[]): Promise<string> => {
      const io = fakeIo([], { env });
      const all = [...args, "--executor", "docker", ...(name === "prune" ? ["--force"] : [])];
      expect(await (name === "du" ? du : prune).start(io, all)).toBe(0);
      return io.written.stdout;
    };
    const lab = new Lab();
    const cache: Mount = {
      ...{ type: "cache", id: "kept", seed: lab.files([]), path: "/", target: "/c", readOnly: false },
      ...{ sharing: "locked", mode: 0o755, uid: 0, gid: 0 },
    };
    await using executor = make("kept");
    const script = "ls /c; head -c 300000 /dev/zero > /c/f; echo done";
    const run = async (): Promise<string> => (await lab.run(executor, { script, mounts: [cache] })).stdout;
    await command("prune", "--all");
    expect(await run()).toBe("done\n");
    const theirs = await makeTheirs(engine.socket);

    const listed = await command("du", "--verbose");
    expect(listed).toMatch(/^localhost\/ocibuild\/root:[0-9a-f]{40} +regular +true +[\d.]+[kM]B +20/m);
    expect(listed).toMatch(/^ocibuild-cache-[0-9a-f]{40}-0 +exec\.cachemount +false +[\d.]+kB +20/m);
    expect(listed).not.toContain("theirs");
    expect(await command("du", "--filter", "type=exec.cachemount")).toMatch(/^cache-mount +1 +30\d\.\d+kB +0B$/m);
    expect(await command("du", "--filter", "until=24h")).toContain("Total:\t\t0B");

    expect(await command("prune")).toMatch(/^Total:\t[\d.]+[kM]B$/m);
    expect(await command("du")).toMatch(/^cache-mount +1 /m);
    // The executor in use makes again what it misses, and its caches are there still.
    expect(await run()).toBe("f\ndone\n");

    const holding = new AbortController();
    const held = lab.run(executor, {
      script: "echo held; sleep 1000",
      mounts: [cache],
      signal: holding.signal,
      onOutput: () => void started(),
    });
    held.catch(() => {});
    let started = (): void => {};
    await new Promise<void>((resolve) => {
      started = resolve;
    });
    await command("prune", "--all");
    expect(await command("du", "--verbose")).toMatch(/^ocibuild-cache-/m);
    holding.abort(new Error("enough"));
    await expect(held).rejects.toThrow("enough");

    expect(await command("prune", "--all", "--verbose")).toMatch(/^ocibuild-cache-[0-9a-f]{40}-0 +exec\.cachemount/m);
    expect(await command("du")).toContain("Total:\t\t0B");
    expect(await run()).toBe("done\n");
    await command("prune", "--all");
    await theirs.expectAll();
  });

  if (corpus === undefined) return;
  it("the cases of the corpus agree strictly with BuildKit, or are exceptions for the reason they give", async () => {
    await using executor = make("corpus");
    const results = await runCases({ commands: { executor, busybox: readFileSync("/bin/busybox") } });
    const strict: readonly string[] = STRICT;
    const differences = results.flatMap(({ id, disagreements }) =>
      disagreements.filter(({ aspect }) => strict.includes(aspect)).map((disagreement) => ({ id, ...disagreement })),
    );
    const exceptions = new Map([...RUN_EXCEPTIONS, ...ENGINE_EXCEPTIONS, ...corpus]);
    expect(differences.filter(({ id }) => !exceptions.has(id))).toEqual([]);
  }, 600_000);
}

/** Things of somebody else's in the engine, among them an image and a container that have our labels, as they were made from ours. */
async function makeTheirs(socketPath: string): Promise<{ expectAll(): Promise<void> }> {
  await using engine = engineAt(socketPath);
  const signal = undefined;
  const filters = JSON.stringify({ label: [`${ROLE}=image`] });
  const images = await engine.json({ method: "GET", path: "/images/json", query: { filters }, signal }, ImagesSchema);
  const create = async (Image: string, name: string): Promise<string> => {
    const json = { Image, Cmd: ["/none"], HostConfig: { NetworkMode: "none" } };
    const call = { method: "POST", path: "/containers/create", query: { name }, json, signal } as const;
    return (await engine.json(call, CreatedSchema)).Id;
  };
  const container = await create(images[0]!.Id, "first");
  const commit = { container, repo: "theirs.example/image", tag: "1" };
  await engine.done({ method: "POST", path: "/commit", query: commit, json: {}, signal });
  await engine.done({ method: "DELETE", path: "/containers/first", signal });
  await create("theirs.example/image:1", "theirs");
  await engine.done({ method: "POST", path: "/volumes/create", json: { Name: "theirs" }, signal });
  return {
    expectAll: async () => {
      await using again = engineAt(socketPath);
      for (const path of ["/containers/theirs/json", "/images/theirs.example/image:1/json", "/volumes/theirs"]) {
        expect(await again.done({ method: "GET", path, signal }), path).toMatchObject({ status: 200 });
      }
      await again.done({ method: "DELETE", path: "/containers/theirs", signal });
    },
  };
}

function engineAt(socketPath: string): Engine & AsyncDisposable {
  const engine = new Engine({ peer: { origin: "http://engine", socketPath }, shown: socketPath });
  return Object.assign(engine, { [Symbol.asyncDispose]: () => engine.close() });
}

/** What of ours is in the engine, by role. */
async function left(socketPath: string) {
  const engine = engineAt(socketPath);
  try {
    const filters = JSON.stringify({ label: [OWNER] });
    const query = { all: "1", filters };
    const call = { method: "GET", signal: undefined } as const;
    const containers = await engine.json({ ...call, path: "/containers/json", query }, ContainersSchema);
    const { Volumes } = await engine.json({ ...call, path: "/volumes" }, VolumesSchema);
    const roles = (Volumes ?? []).map(({ Labels }) => Labels?.[ROLE]);
    return { containers: containers.map(({ Labels }) => Labels?.[ROLE]), volumes: [...new Set(roles)] };
  } finally {
    await engine.close();
  }
}
