import { describe, expect, test } from "vitest";
import { entryTime } from "../../src/layers/times.js";
import { reusePolicy } from "../../src/pipeline/cache-policy.js";
import { timePolicy } from "../../src/pipeline/source-date.js";
import { tempFolder } from "../support/temp-folder.js";

describe("reusePolicy", () => {
  const stage = (name: string | undefined, index: number): Parameters<ReturnType<typeof reusePolicy>>[0] =>
    ({ name, index }) as never;

  test.each<[noCache: boolean | string[] | undefined, one: boolean, unnamed: boolean]>([
    [undefined, true, true],
    [false, true, true],
    [true, false, false],
    [[], true, true],
    [["one"], false, true],
    [["ONE"], false, true],
    [["0"], false, true],
    [["1"], true, false],
    [["two"], true, true],
    [[""], true, true],
  ])("of %j lets a stage One reuse: %s, and one without a name: %s", (noCache, one, unnamed) => {
    const policy = reusePolicy(noCache);
    expect(policy(stage("One", 0))).toBe(one);
    expect(policy(stage(undefined, 1))).toBe(unnamed);
  });
});

describe("timePolicy", () => {
  const base = {
    reproducible: false,
    epochSeconds: undefined,
    clampFiles: false,
    contextRoot: undefined,
    contextSeconds: undefined,
    searchPath: "",
    nowSeconds: 500,
  };

  test.each([
    ["nothing", {}, { files: "keep", epochSeconds: undefined }],
    ["an epoch", { epochSeconds: 7 }, { files: "keep", epochSeconds: 7 }],
    ["an epoch of 0", { epochSeconds: 0, clampFiles: true }, { files: "clamp", epochSeconds: 0 }],
    ["clamping", { epochSeconds: 7, clampFiles: true }, { files: "clamp", epochSeconds: 7 }],
    ["clamping without an epoch", { clampFiles: true }, { files: "keep", epochSeconds: undefined }],
    ["reproducible", { reproducible: true }, { files: "set", epochSeconds: 315_532_800 }],
    ["reproducible with an epoch", { reproducible: true, epochSeconds: 7 }, { files: "set", epochSeconds: 7 }],
  ])("with %s", (_, options, expected) => {
    expect(timePolicy({ ...base, ...options })).toEqual({ nowSeconds: 500, ...expected });
  });

  test("asks no folder for its commit unless it must, and takes a folder without one as it is", () => {
    const contextRoot = tempFolder();
    expect(timePolicy({ ...base, reproducible: true, contextRoot }).epochSeconds).toBe(315_532_800);
    expect(timePolicy({ ...base, contextRoot: "/nonexistent" }).epochSeconds).toBeUndefined();
  });

  test("decides the time of an entry", () => {
    const policy = { nowSeconds: 0, epochSeconds: 10 };
    expect([5, 15].map((time) => entryTime({ ...policy, files: "keep" }, time))).toEqual([5, 15]);
    expect([5, 15].map((time) => entryTime({ ...policy, files: "clamp" }, time))).toEqual([5, 10]);
    expect([5, 15].map((time) => entryTime({ ...policy, files: "set" }, time))).toEqual([10, 10]);
  });
});
