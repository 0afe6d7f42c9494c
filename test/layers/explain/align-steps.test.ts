import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ShapeKey } from "../../../src/cache/key.js";
import { type AlignedStep, alignSteps } from "../../../src/layers/explain/align-steps.js";
import { runs } from "../../support/runs.js";

/** Steps as words: `r1` is a RUN, `c1` a COPY; equal words are equal steps. */
function steps(text: string): AlignedStep[] {
  return text
    .split(" ")
    .filter((word) => word !== "")
    .map((word) => ({ kind: word[0]!, title: word, shape: word as ShapeKey }));
}

describe("alignSteps", () => {
  test.each([
    ["the same", "c1 r1 c2", "c1 r1 c2", [0, 1, 2]],
    ["an edited step", "c1 r1 c2", "c1 r9 c2", [0, 1, 2]],
    ["an inserted step", "c1 r1 c2", "c1 r9 r1 c2", [0, -1, 1, 2]],
    ["a step at the end", "c1", "c1 c2", [0, -1]],
    ["a removed step", "c1 r1 r2 c2", "c1 r2 c2", [0, 2, 3]],
    ["two edited steps of two kinds", "c1 r1 c2", "c1 c8 r9 c2", [0, -1, 1, 2]],
    ["nothing in common", "r1 c1", "w1", [-1]],
    ["nothing before", "", "c1", [-1]],
  ])("%s", (_, before, now, pairs) => {
    expect(alignSteps(steps(before), steps(now))).toEqual(pairs);
  });

  test("a step whose title is the same is the same, whatever its variables are", () => {
    const [before, now] = [steps("c1 r1"), steps("r5 r1")];
    const other = now.map((step) => ({ ...step, shape: `${step.shape} with other variables` as ShapeKey }));
    expect(alignSteps(before, other)).toEqual([-1, 1]);
  });

  test("is ascending, gives each step once, and only steps of one kind belong together", () => {
    const words = fc
      .array(fc.constantFrom("c1", "c2", "r1", "r2", "w1"), { maxLength: 12 })
      .map((list) => list.join(" "));
    fc.assert(
      fc.property(words, words, (one, other) => {
        const [before, now] = [steps(one), steps(other)];
        const pairs = alignSteps(before, now);
        expect(pairs).toHaveLength(now.length);
        const found = pairs.filter((pair) => pair !== -1);
        expect(found).toEqual([...new Set(found)].toSorted((a, b) => a - b));
        for (const [at, pair] of pairs.entries()) if (pair !== -1) expect(before[pair]?.kind).toBe(now[at]?.kind);
      }),
      { numRuns: runs(200) },
    );
  });

  test("very many steps are compared by their place", () => {
    const many = steps(Array.from({ length: 1001 }, (_, at) => `r${at}`).join(" "));
    expect(alignSteps(many, many.slice(1)).slice(0, 3)).toEqual([0, 1, 2]);
  });
});
