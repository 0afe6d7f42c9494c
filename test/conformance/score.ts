/** Runs cases and counts how many agree. */
import { hostPlatform } from "../../src/oci/platform.js";
import { forEachLimited } from "../../src/util/for-each-limited.js";
import { MissingRequirement } from "./bytes.js";
import { type ConformanceCase, caseGroups, loadCases } from "./cases.js";
import { type Comparison, compareCase, type Disagreement, REPORTED, type ReportedAspect, STRICT } from "./compare.js";
import { CaseRunner } from "./run-case.js";

/** Cases that are built at a time: one waits for the disk while another computes. */
const PARALLEL = 16;

export interface CaseResult {
  readonly id: string;
  readonly group: string;
  readonly description: string;
  readonly quirk: string | undefined;
  /** Why the case did not run here. */
  readonly skipped: string | undefined;
  readonly strict: readonly Disagreement[];
  readonly reported: readonly Disagreement[];
  readonly asked: Comparison["asked"];
}

/** The results of all cases that need no RUN, in the order of the groups; only those that `choose` takes, if given. */
export async function runCases(choose: (id: string) => boolean = () => true): Promise<CaseResult[]> {
  const cases = caseGroups()
    .flatMap((group) => loadCases(group))
    .filter((each) => !each.requires.includes("run") && choose(each.id));
  const results = new Map<string, CaseResult>();
  await using runner = await CaseRunner.create();
  await forEachLimited(cases, PARALLEL, {}, async (each) => void results.set(each.id, await runCase(runner, each)));
  return cases.map(({ id }) => results.get(id)!);
}

async function runCase(runner: CaseRunner, each: ConformanceCase): Promise<CaseResult> {
  const { id, group, description, quirk } = each;
  const result = { id, group, description, quirk, skipped: undefined };
  try {
    const { asked, disagreements } = compareCase(each, await runner.run(each), hostPlatform().architecture);
    const isStrict = ({ aspect }: Disagreement): boolean => (STRICT as readonly string[]).includes(aspect);
    return {
      ...result,
      asked,
      strict: disagreements.filter(isStrict),
      reported: disagreements.filter((disagreement) => !isStrict(disagreement)),
    };
  } catch (error) {
    if (!(error instanceof MissingRequirement)) throw new Error(`case ${id} broke the runner`, { cause: error });
    return { ...result, skipped: error.message, asked: new Set(), strict: [], reported: [] };
  }
}

/** Of each reported aspect: in how many cases it is asked, and in how many of those it agrees. */
export function reportedScore(results: readonly CaseResult[]): Map<ReportedAspect, { asked: number; agreed: number }> {
  return new Map(
    REPORTED.map((aspect) => {
      const asked = results.filter((result) => result.asked.has(aspect));
      const agreed = asked.filter((result) => result.reported.every((each) => each.aspect !== aspect));
      return [aspect, { asked: asked.length, agreed: agreed.length }];
    }),
  );
}
