/**
 * Prints the conformance score and what disagrees: `npm run conformance [-- GROUP[/NAME]…]`. Ends with 1 when something
 * disagrees that is no exception.
 */
import { readFileSync } from "node:fs";
import { type Disagreement, STRICT } from "./compare.js";
import { EXCEPTIONS } from "./exceptions.js";
import { LINT_ASPECTS, lintCases } from "./lint-score.js";
import { type CaseResult, reportedScore, runCases } from "./score.js";

const wanted = process.argv.slice(2);
const isWanted = (id: string): boolean =>
  wanted.length === 0 || wanted.some((name) => id === name || id.startsWith(`${name}/`));
// OCIBUILD_EXECUTOR=auto runs the cases with RUN, in the place of the others.
const executor = process.env["OCIBUILD_EXECUTOR"];
const commands = executor === undefined ? {} : { commands: { executor, busybox: readFileSync("/bin/busybox") } };
const results = await runCases({ choose: isWanted, ...commands });

const show = (value: unknown): string => (typeof value === "string" ? value : (JSON.stringify(value) ?? "nothing"));
const isStrict = ({ aspect }: Disagreement): boolean => (STRICT as readonly string[]).includes(aspect);
const isExpected = ({ id }: CaseResult, { aspect }: Disagreement): boolean =>
  EXCEPTIONS.get(id)?.aspects.includes(aspect) === true;
const agrees = (result: CaseResult): boolean => result.skipped === undefined && !result.disagreements.some(isStrict);

for (const result of results) {
  const { id, description, skipped, disagreements } = result;
  if (skipped === undefined && disagreements.length === 0) continue;
  const reason = EXCEPTIONS.get(id)?.reason;
  console.log(`${id}: ${description}${reason === undefined ? "" : ` [exception: ${reason}]`}`);
  if (skipped !== undefined) console.log(`  not run: ${skipped}`);
  for (const { aspect, expected, actual } of disagreements) {
    console.log(`  ${aspect}\n    expected ${show(expected)}\n    got      ${show(actual)}`);
  }
}
for (const group of new Set(results.map((result) => result.group)))
  printScore(
    group,
    results.filter((each) => each.group === group),
  );
printScore("all", results);

const checked = await lintCases(isWanted);
for (const { id, expected, actual, differing } of checked) {
  for (const aspect of differing) {
    console.log(`${id}\n  ${aspect}\n    expected ${show(expected[aspect])}\n    got      ${show(actual[aspect])}`);
  }
}
const checks = LINT_ASPECTS.map((aspect) => {
  return `${aspect} ${checked.filter(({ differing }) => !differing.includes(aspect)).length}/${checked.length}`;
});
console.log(`build checks               ${checks.join(", ")}`);

const unexpected = results.filter((result) => result.disagreements.some((each) => !isExpected(result, each)));
if (unexpected.length > 0) console.log(`no exceptions: ${unexpected.map(({ id }) => id).join(", ")}`);
process.exitCode = unexpected.length === 0 && checked.every(({ differing }) => differing.length === 0) ? 0 : 1;

function printScore(name: string, some: readonly CaseResult[]): void {
  const strict = `${String(some.filter(agrees).length).padStart(4)}/${String(some.length).padEnd(4)}`;
  const reported = [...reportedScore(some)].flatMap(([aspect, { asked, agreed }]) =>
    asked === 0 ? [] : `${aspect} ${agreed}/${asked}`,
  );
  console.log(`${name.padEnd(15)} ${strict}  ${reported.join(", ")}`);
}
