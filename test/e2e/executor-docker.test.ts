/** The docker executor against the conformance suites, with a Docker daemon and with Podman's service. */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { createDockerExecutor } from "../../src/executor/docker/docker-executor.js";
import { Engine } from "../../src/executor/docker/engine.js";
import { OWNER, ROLE } from "../../src/executor/docker/labels.js";
import { ContainersSchema, VolumesSchema } from "../../src/executor/docker/schemas.js";
import { CACHE_CASES } from "../../src/testing/executor/cache-cases.js";
import { executorConformance } from "../../src/testing/executor/executor-conformance.js";
import { Lab } from "../../src/testing/executor/lab.js";
import { STRICT } from "../conformance/compare.js";
import { ENGINE_EXCEPTIONS, PODMAN_EXCEPTIONS, RUN_EXCEPTIONS } from "../conformance/run-exceptions.js";
import { runCases } from "../conformance/score.js";
import { bundleScript } from "../support/child.js";
import { startDockerd } from "../support/dockerd.js";
import { requireRoot } from "../support/ordinary-user.js";
import { makeOwnFolder, removeOwnFolder } from "../support/own-folder.js";
import { makePodman } from "../support/podman.js";
import { requireTool } from "../support/tools.js";

const BUSYBOX = "/bin/busybox";
const OF_CACHES = new Set(CACHE_CASES.map(({ name }) => name));

async function start(name: "dockerd" | "podman"): Promise<{ readonly socket: string; stop(): Promise<void> }> {
  if (name === "dockerd") return startDockerd();
  const podman = makePodman();
  return { socket: await podman.serve(), stop: podman.stop };
}

/** Podman asks for more processes than a machine that lets nobody raise limits allows. */
const UNRAISABLE = "limits are as asked for";

describe.each(["dockerd", "podman"] as const)("the docker executor over %s", (name) => {
  describe.runIf(requireTool(name, "busybox") && requireRoot())("that is a process of the test's own", () => {
    let folder: string;
    let engine: Awaited<ReturnType<typeof start>>;
    beforeAll(async () => {
      folder = makeOwnFolder("docker");
      engine = await start(name);
    });
    afterAll(async () => {
      await engine?.stop();
      removeOwnFolder(folder);
    });
    const make = (state = "state") =>
      createDockerExecutor({ stateDir: join(folder, state), env: { DOCKER_HOST: `unix://${engine.socket}` } });

    for (const { name: title, run } of executorConformance(async () => make())) {
      const isLeftOut = name === "podman" && title === UNRAISABLE && !mayRaiseLimits();
      it.skipIf(isLeftOut)(title, async () => {
        // What is in cache mounts stays in the engine.
        expect(await run()).toBe(OF_CACHES.has(title) ? '"docker" says that it cannot' : undefined);
      });
    }

    it("leaves in the engine nothing but images and caches", async () => {
      expect(await left(engine.socket)).toEqual({ containers: [], volumes: ["cache"] });
      expect(readdirSync(join(folder, "state", "tmp"))).toEqual([]);
      expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain("ocibuild-memory");
    });

    it("K12: what a builder that was killed left is ended and removed by the next, its locks and secrets too", async () => {
      const script = await bundleScript(join(import.meta.dirname, "../support/docker-script.ts"), folder);
      const child = spawn(process.execPath, [script, engine.socket, join(folder, "killed")], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      onTestFinished(() => void child.kill("SIGKILL"));
      await new Promise((resolve) => child.stdout.once("data", resolve));
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await ended;
      await using executor = make("killed");
      await executor.probe();
      expect(await left(engine.socket)).toEqual({ containers: [], volumes: ["cache"] });
      expect((await new Lab().run(executor, { script: "echo next" })).stdout).toBe("next\n");
    });

    // Podman gives out the whole image after each command: minutes.
    const isTooLong = name === "podman" && process.env["OCIBUILD_LONG"] !== "1";
    it.skipIf(isTooLong)(
      "the cases of the corpus agree strictly with BuildKit, or are exceptions for the reason they give",
      async () => {
        await using executor = make("corpus");
        const results = await runCases({ commands: { executor, busybox: readFileSync(BUSYBOX) } });
        const strict: readonly string[] = STRICT;
        const differences = results.flatMap(({ id, disagreements }) =>
          disagreements
            .filter(({ aspect }) => strict.includes(aspect))
            .map((disagreement) => ({ id, ...disagreement })),
        );
        const exceptions = new Map([
          ...RUN_EXCEPTIONS,
          ...ENGINE_EXCEPTIONS,
          ...(name === "podman" ? PODMAN_EXCEPTIONS : []),
        ]);
        expect(differences.filter(({ id }) => !exceptions.has(id))).toEqual([]);
      },
      600_000,
    );
  });
});

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

function mayRaiseLimits(): boolean {
  const [, hard] = /^Max processes\s+\S+\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "latin1")) ?? [];
  return hard === "unlimited" || Number(hard) >= 1_048_576;
}
