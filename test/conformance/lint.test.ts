/** The build checks of all cases: what `--check` finds and what a build warns of. */
import { expect, it } from "vitest";
import { type ConformanceCase, caseGroups, loadCases } from "./cases.js";
import { expectedOf, lintCase } from "./lint-case.js";

it.each(caseGroups())("finds what BuildKit finds: %s", async (group) => {
  const actual = new Map<string, unknown>();
  const expected = new Map<string, unknown>();
  for (const each of loadCases(group).filter(isComparable)) {
    actual.set(each.id, await lintCase(each));
    expected.set(each.id, expectedOf(each));
  }
  expect(Object.fromEntries(actual)).toEqual(Object.fromEntries(expected));
});

/** Without a Dockerfile there is nothing to check. */
function isComparable({ dockerfile }: ConformanceCase): boolean {
  return dockerfile !== undefined;
}
