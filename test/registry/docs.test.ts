import { describe, expect, it } from "vitest";
import * as registry from "../../src/registry/index.js";
import * as faults from "../../src/testing/registry/faults.js";
import { testExamples } from "../support/doc-examples.js";

describe("docs/registry.md", () => {
  const text = testExamples("docs/registry.md", 6);

  it("names everything that the sub-export has, and every fault", () => {
    const names = [...Object.keys(registry), ...Object.keys(faults).filter((name) => name !== "FaultPlan")];
    expect(names.filter((name) => !text.includes(name))).toEqual([]);
  });
});
