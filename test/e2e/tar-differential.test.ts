import { describe, expect, it } from "vitest";
import { requireTool } from "../support/tools.js";
import { findDifferences } from "../tar/differential.js";

const ARCHIVES = 10_000;
const AT_A_TIME = 1000;

function differences(reader: "gnu" | "python"): string[] {
  const found: string[] = [];
  for (let from = 0; from < ARCHIVES; from += AT_A_TIME) found.push(...findDifferences(reader, from, from + AT_A_TIME));
  return found;
}

describe.runIf(requireTool("tar", "sh"))("ten thousand archives", () => {
  it("U9: are read as by GNU tar, but for the known differences", () => {
    expect(differences("gnu")).toEqual([]);
  });
});

describe.runIf(requireTool("python3"))("ten thousand archives", () => {
  it("U9: are read as by Python's tarfile, but for the known differences", () => {
    expect(differences("python")).toEqual([]);
  });
});
