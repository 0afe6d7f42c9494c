import { describe, expect, it } from "vitest";
import * as exported from "../../src/dockerfile/index.js";
import { testExamples } from "../support/doc-examples.js";

describe("docs/dockerfile.md", () => {
  const text = testExamples("docs/dockerfile.md", 6);

  it("names every function of the sub-export", () => {
    const functions = Object.entries(exported).flatMap(([name, value]) => (typeof value === "function" ? [name] : []));
    expect(functions.filter((name) => !text.includes(name))).toEqual([]);
  });
});
