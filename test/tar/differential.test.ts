import { describe, expect, it } from "vitest";
import { requireTool } from "../support/tools.js";
import { findDifferences } from "./differential.js";

const ARCHIVES = 300;

describe.runIf(requireTool("tar", "sh"))("differential to GNU tar", () => {
  it("U9: reads generated archives as GNU tar does, but for the known differences", () => {
    expect(findDifferences("gnu", 0, ARCHIVES)).toEqual([]);
  });
});

describe.runIf(requireTool("python3"))("differential to Python's tarfile", () => {
  it("U9: reads generated archives as Python does, but for the known differences", () => {
    expect(findDifferences("python", 0, ARCHIVES)).toEqual([]);
  });
});
