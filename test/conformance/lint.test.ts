/** The build checks of all cases: what `--check` finds and what a build warns of. */
import { beforeAll, describe, expect, it } from "vitest";
import { caseGroups } from "./cases.js";
import { type LintResult, lintCases } from "./lint-score.js";

/** As many cases as the corpus has that have a Dockerfile: none may get lost. */
const CASES = 1335;

let results: readonly LintResult[];

beforeAll(async () => {
  results = await lintCases();
}, 60_000);

describe.each(caseGroups())("%s", (group) => {
  it("is found and warned of what BuildKit finds and warns of", () => {
    const differing = results.filter((result) => result.group === group && result.differing.length > 0);
    expect(differing.map(({ id, actual }) => ({ id, ...actual }))).toEqual(
      differing.map(({ id, expected }) => ({ id, ...expected })),
    );
  });
});

it("every case with a Dockerfile is checked, and some have findings", () => {
  expect(results.length).toBe(CASES);
  expect(results.filter(({ expected }) => expected.lint.length > 0).length).toBe(143);
});
