/** What the docker executor is held to, whatever engine it has. */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import type { Executor } from "../../src/executor/contract.js";
import { createDockerExecutor } from "../../src/executor/docker/docker-executor.js";
import { Engine } from "../../src/executor/docker/engine.js";
import { OWNER, ROLE } from "../../src/executor/docker/labels.js";
import { ContainersSchema, VolumesSchema } from "../../src/executor/docker/schemas.js";
import { executorConformance } from "../../src/testing/executor/executor-conformance.js";
import { Lab } from "../../src/testing/executor/lab.js";
import { STRICT } from "../conformance/compare.js";
import { ENGINE_EXCEPTIONS, RUN_EXCEPTIONS } from "../conformance/run-exceptions.js";
import { runCases } from "../conformance/score.js";
import { bundleScript } from "./child.js";
import { makeOwnFolder, removeOwnFolder } from "./own-folder.js";

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
    it.skipIf(leftOut.includes(title))(title, async () => expect(await run()).toBeUndefined());
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

/** What of ours is in the engine, by role. */
async function left(socketPath: string) {
  const engine = new Engine({ peer: { origin: "http://engine", socketPath }, shown: socketPath });
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
