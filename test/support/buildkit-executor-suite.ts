/** What the buildkit executor is held to, whatever client and builder it has. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createBuildkitExecutor } from "../../src/executor/buildkit/buildkit-executor.js";
import type { Environment } from "../../src/executor/buildkit/client.js";
import type { Executor } from "../../src/executor/contract.js";
import { executorConformance } from "../../src/testing/executor/executor-conformance.js";
import { STRICT } from "../conformance/compare.js";
import { BUILDER_EXCEPTIONS, RUN_EXCEPTIONS } from "../conformance/run-exceptions.js";
import { runCases } from "../conformance/score.js";
import { makeOwnFolder, removeOwnFolder } from "./own-folder.js";

export interface Builder extends AsyncDisposable {
  /** Where the builder is, as the executor is told of it, and PATH. */
  readonly env: Environment;
}

/** Adds the tests of an executor over the builder that `start` starts. */
export function buildkitExecutorSuite(start: () => Promise<Builder>): void {
  let folder: string;
  let builder: Builder;
  beforeAll(async () => {
    folder = makeOwnFolder("buildkit");
    builder = await start();
  });
  afterAll(async () => {
    await builder?.[Symbol.asyncDispose]();
    removeOwnFolder(folder);
  });
  const make = (state = "state"): Executor =>
    withoutBridge(createBuildkitExecutor({ stateDir: join(folder, state), env: builder.env }));

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

  // A builder takes half a second for each command and more: minutes.
  it.runIf(process.env["OCIBUILD_LONG"] === "1")(
    "the cases of the corpus agree strictly with BuildKit, or are exceptions for the reason they give",
    async () => {
      await using executor = make("corpus");
      const results = await runCases({ commands: { executor, busybox: readFileSync("/bin/busybox") } });
      const strict: readonly string[] = STRICT;
      const differences = results.flatMap(({ id, disagreements }) =>
        disagreements.filter(({ aspect }) => strict.includes(aspect)).map((disagreement) => ({ id, ...disagreement })),
      );
      const exceptions = new Map([...RUN_EXCEPTIONS, ...BUILDER_EXCEPTIONS]);
      expect(differences.filter(({ id }) => !exceptions.has(id))).toEqual([]);
    },
    600_000,
  );
}

/** The builders of the tests have no bridge: what would be on it is on none. */
function withoutBridge(executor: Executor): Executor {
  return {
    name: executor.name,
    probe: (options) => executor.probe(options),
    run: (spec, io) => executor.run({ ...spec, network: spec.network === "default" ? "none" : spec.network }, io),
    [Symbol.asyncDispose]: () => executor[Symbol.asyncDispose](),
  };
}
