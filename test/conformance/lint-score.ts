/** Checks cases and counts how many agree. */
import { isDeepStrictEqual } from "node:util";
import { caseGroups, loadCases } from "./cases.js";
import { expectedOf, type LintAnswer, lintCase } from "./lint-case.js";

/** What is compared: all findings of a check, and the warnings of a build. */
export const LINT_ASPECTS = ["lint", "buildWarnings"] as const;

export interface LintResult {
  readonly id: string;
  readonly group: string;
  readonly expected: LintAnswer;
  readonly actual: LintAnswer;
  /** Aspects that differ. */
  readonly differing: readonly (typeof LINT_ASPECTS)[number][];
}

/** The results of all cases that have a Dockerfile, also of those with RUN: nothing is executed. */
export async function lintCases(choose: (id: string) => boolean = () => true): Promise<LintResult[]> {
  const results: LintResult[] = [];
  for (const each of caseGroups().flatMap((group) => loadCases(group))) {
    if (each.dockerfile === undefined || !choose(each.id)) continue;
    const expected = expectedOf(each);
    const actual = await lintCase(each);
    const differing = LINT_ASPECTS.filter((aspect) => !isDeepStrictEqual(expected[aspect], actual[aspect]));
    results.push({ id: each.id, group: each.group, expected, actual, differing });
  }
  return results;
}
