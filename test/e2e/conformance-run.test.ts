import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { STRICT } from "../conformance/compare.js";
import { RUN_EXCEPTIONS } from "../conformance/run-exceptions.js";
import { runCases } from "../conformance/score.js";
import { requireTool } from "../support/tools.js";

const BUSYBOX = "/bin/busybox";

describe.runIf(process.platform === "linux" && requireTool("busybox"))("the conformance cases with RUN", () => {
  test("agree strictly under the executor that is chosen here, or are exceptions for the reason they give", async () => {
    const commands = { executor: "auto", busybox: readFileSync(BUSYBOX) };
    const results = await runCases({ commands });
    const strict: readonly string[] = STRICT;
    const differences = results.flatMap(({ id, disagreements }) =>
      disagreements.filter(({ aspect }) => strict.includes(aspect)).map((disagreement) => ({ id, ...disagreement })),
    );
    expect(differences.filter(({ id }) => !RUN_EXCEPTIONS.has(id))).toEqual([]);
    const differing = new Set(differences.map(({ id }) => id));
    expect([...RUN_EXCEPTIONS.keys()].filter((id) => !differing.has(id))).toEqual([]);
  });
});
