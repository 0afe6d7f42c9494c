import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { STRICT } from "../conformance/compare.js";
import { ORDINARY_USER_EXCEPTIONS, RUN_EXCEPTIONS } from "../conformance/run-exceptions.js";
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
    const isRoot = process.getuid?.() === 0;
    const exceptions = new Map([...RUN_EXCEPTIONS, ...(isRoot ? [] : ORDINARY_USER_EXCEPTIONS)]);
    expect(differences.filter(({ id }) => !exceptions.has(id))).toEqual([]);
    const differing = new Set(differences.map(({ id }) => id));
    expect([...exceptions.keys()].filter((id) => !differing.has(id))).toEqual([]);
  });
});
