/** The buildkit executor against the conformance suites, with a builder that is a process of the test's own. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createBuildkitExecutor } from "../../src/executor/buildkit/buildkit-executor.js";
import type { Executor } from "../../src/executor/contract.js";
import { executorConformance } from "../../src/testing/executor/executor-conformance.js";
import { STRICT } from "../conformance/compare.js";
import { BUILDER_EXCEPTIONS, RUN_EXCEPTIONS } from "../conformance/run-exceptions.js";
import { runCases } from "../conformance/score.js";
import { findBuildx } from "../support/buildx.js";
import { type Dockerd, startDockerd } from "../support/dockerd.js";
import { makeOwnFolder, removeOwnFolder } from "../support/own-folder.js";
import { requireTool } from "../support/tools.js";

const programs = findBuildx();

describe.runIf(programs !== undefined && requireTool("busybox"))("the buildkit executor over docker buildx", () => {
  let folder: string;
  let dockerd: Dockerd;
  beforeAll(async () => {
    folder = makeOwnFolder("buildkit");
    dockerd = await startDockerd({ containerdStore: true, programs: programs! });
  });
  afterAll(async () => {
    await dockerd?.stop();
    removeOwnFolder(folder);
  });
  const make = (state = "state"): Executor => {
    return withoutBridge(createBuildkitExecutor({ stateDir: join(folder, state), env: dockerd.env }));
  };

  for (const { name, run } of executorConformance(async () => make())) {
    it(name, async (context) => {
      const refused = await run();
      if (refused !== undefined) context.skip(refused);
    });
  }

  it("leaves nothing but layers", () => {
    expect(readdirSync(join(folder, "state", "tmp"))).toEqual([]);
    const memory = `/dev/shm/ocibuild-${process.getuid?.()}/tmp`;
    expect(existsSync(memory) ? readdirSync(memory).filter((name) => name.startsWith(`${process.pid}-`)) : []).toEqual(
      [],
    );
  });

  it("the cases of the corpus agree strictly with BuildKit, or are exceptions for the reason they give", async () => {
    await using executor = make("corpus");
    const results = await runCases({ commands: { executor, busybox: readFileSync("/bin/busybox") } });
    const strict: readonly string[] = STRICT;
    const differences = results.flatMap(({ id, disagreements }) =>
      disagreements.filter(({ aspect }) => strict.includes(aspect)).map((disagreement) => ({ id, ...disagreement })),
    );
    const exceptions = new Map([...RUN_EXCEPTIONS, ...BUILDER_EXCEPTIONS]);
    expect(differences.filter(({ id }) => !exceptions.has(id))).toEqual([]);
  }, 600_000);
});

/** The daemon of the tests has no bridge: what would be on it is on none. */
function withoutBridge(executor: Executor): Executor {
  return {
    name: executor.name,
    probe: (options) => executor.probe(options),
    run: (spec, io) => executor.run({ ...spec, network: spec.network === "default" ? "none" : spec.network }, io),
    [Symbol.asyncDispose]: () => executor[Symbol.asyncDispose](),
  };
}
