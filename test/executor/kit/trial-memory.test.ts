import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { forgetTrials, unlessTried } from "../../../src/executor/kit/trial-memory.js";

describe("unlessTried", () => {
  let stateDir: string;
  let program: string;
  let count: number;
  const attempt = (problem?: string): Promise<string | undefined> =>
    unlessTried({ stateDir, trial: "flying", programs: [program] }, async () => {
      count++;
      return problem;
    });

  beforeEach(() => {
    stateDir = mkdtempSync(join(tmpdir(), "ocibuild-trials-"));
    program = join(stateDir, "program");
    writeFileSync(program, "one");
    count = 0;
  });
  afterEach(() => rmSync(stateDir, { recursive: true, force: true }));

  it("tries once what works", async () => {
    expect(await attempt()).toBeUndefined();
    expect(await attempt("not asked")).toBeUndefined();
    expect(count).toBe(1);
  });

  it("tries again and again what does not work", async () => {
    expect(await attempt("no wings")).toBe("no wings");
    expect(await attempt("no wings")).toBe("no wings");
    expect(await attempt()).toBeUndefined();
    expect(count).toBe(3);
  });

  it("tries again when a program has changed", async () => {
    await attempt();
    utimesSync(program, 1, 1);
    await attempt();
    rmSync(program);
    await attempt();
    expect(count).toBe(3);
  });

  it("tries again when what it kept is damaged or forgotten", async () => {
    await attempt();
    writeFileSync(join(stateDir, "trials", "flying"), "0123");
    await attempt();
    forgetTrials(stateDir);
    await attempt();
    expect(count).toBe(3);
  });
});
