import { beforeAll, describe, expect, test } from "vitest";
import { caseGroups, loadCases } from "./cases.js";
import { EXCEPTIONS, REWORDED } from "./exceptions.js";
import { type CaseResult, runCases } from "./score.js";

/** As many cases as the corpus has that need no RUN: none may get lost. */
const CASES = 1073;

let results: readonly CaseResult[];

beforeAll(async () => {
  results = await runCases();
}, 180_000);

describe.each(caseGroups())("%s", (group) => {
  test("every case agrees with BuildKit, or is an exception for the reason it gives", () => {
    const inGroup = results.filter((result) => result.group === group && result.skipped === undefined);
    const found = inGroup.flatMap(({ id, disagreements }) => disagreements.map(({ aspect }) => `${id}: ${aspect}`));
    const listed = inGroup.flatMap(({ id }) => EXCEPTIONS.get(id)?.aspects.map((aspect) => `${id}: ${aspect}`) ?? []);
    const differences = inGroup.filter(({ id, disagreements }) => disagreements.length > 0 && !EXCEPTIONS.has(id));
    expect(differences.map(({ id, disagreements }) => ({ id, disagreements }))).toEqual([]);
    expect(found.sort()).toEqual(listed.sort());
  });
});

test("every case without RUN is run, and only those are left out that this machine cannot serve", () => {
  expect(results.length).toBe(CASES);
  const skipped = results.filter((result) => result.skipped !== undefined);
  const needsNetwork = new Set(
    caseGroups()
      .flatMap((group) => loadCases(group))
      .flatMap(({ id, requires }) => (requires.includes("network") ? [id] : [])),
  );
  const missing = skipped.filter(({ id }) => !needsNetwork.has(id));
  if (missing.length > 0) {
    const lines = missing.map(({ id, skipped: reason }) => `${id} (${reason})`);
    process.stderr.write(`\n!!! SKIPPED: ${lines.join(", ")}\n`);
  }
  // Node 20 has no zstd; programs are there where CI=true says so.
  const isAllowed = ({ id }: CaseResult): boolean => process.env["CI"] !== "true" || id === "add/tar-zstd";
  expect(missing.filter((result) => !isAllowed(result)).map(({ id }) => id)).toEqual([]);
});

test("exceptions and reworded messages are of cases that there are", () => {
  const ids = new Set(results.map(({ id }) => id));
  expect([...EXCEPTIONS.keys(), ...REWORDED.keys()].filter((id) => !ids.has(id))).toEqual([]);
});

test("each message that is reworded would not agree as it is in BuildKit", () => {
  const needless = results.filter(({ isRewordingNeeded }) => isRewordingNeeded === false);
  expect(needless.map(({ id }) => id)).toEqual([]);
});
