/**
 * Prints the conformance score and what disagrees: `npm run conformance [-- [--strict] [GROUP[/NAME]…]]`. Ends with 1 when a
 * case disagrees strictly that is no exception.
 */
import { EXCEPTIONS } from "./exceptions.js";
import { type CaseResult, reportedScore, runCases } from "./score.js";

const args = process.argv.slice(2);
const wanted = args.filter((arg) => !arg.startsWith("--"));
const chosen = (id: string): boolean =>
  wanted.length === 0 || wanted.some((name) => id === name || id.startsWith(`${name}/`));
const results = await runCases(chosen);
const show = (value: unknown): string => (typeof value === "string" ? value : (JSON.stringify(value) ?? "nothing"));

const isGood = (result: CaseResult): boolean => result.strict.length === 0 && result.skipped === undefined;
for (const result of results) {
  const disagreements = args.includes("--strict") ? result.strict : [...result.strict, ...result.reported];
  if (disagreements.length === 0 && result.skipped === undefined) continue;
  const note = EXCEPTIONS.get(result.id) ?? (result.quirk === undefined ? undefined : `quirk: ${result.quirk}`);
  console.log(`${result.id}: ${result.description}${note === undefined ? "" : ` [${note}]`}`);
  if (result.skipped !== undefined) console.log(`  skipped: ${result.skipped}`);
  for (const { aspect, expected, actual } of disagreements) {
    console.log(`  ${aspect}\n    expected ${show(expected)}\n    got      ${show(actual)}`);
  }
}
const groups = [...new Set(results.map(({ group }) => group))];
for (const group of groups) {
  const inGroup = results.filter((result) => result.group === group);
  const reported = [...reportedScore(inGroup)].flatMap(([aspect, { asked, agreed }]) =>
    asked === 0 ? [] : `${aspect} ${agreed}/${asked}`,
  );
  console.log(
    `${group.padEnd(16)} ${String(inGroup.filter(isGood).length).padStart(4)}/${inGroup.length}   ${reported.join(", ")}`,
  );
}
for (const [aspect, { asked, agreed }] of reportedScore(results))
  console.log(`${aspect.padEnd(16)} ${agreed}/${asked}`);
console.log(`all strict       ${results.filter(isGood).length}/${results.length}`);
const unexpected = results.filter(
  ({ id, strict, quirk }) => strict.length > 0 && quirk === undefined && !EXCEPTIONS.has(id),
);
process.exitCode = unexpected.length === 0 ? 0 : 1;
