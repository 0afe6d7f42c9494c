/** Runs cases and counts how many agree. */
import { hostPlatform } from "../../src/oci/platform.js";
import { forEachLimited } from "../../src/util/for-each-limited.js";
import { MissingRequirement } from "./bytes.js";
import { type ConformanceCase, caseGroups, loadCases } from "./cases.js";
import {
  type Comparison,
  compareCase,
  type Disagreement,
  messageAgrees,
  REPORTED,
  type ReportedAspect,
} from "./compare.js";
import { REWORDED } from "./exceptions.js";
import { CaseRunner, type RunCommands, type RunMode } from "./run-case.js";

/** Cases that are built at a time: one waits for the disk while another computes. */
const PARALLEL = 16;
const PARALLEL_COMMANDS = 4;

export interface CaseResult {
  readonly id: string;
  readonly group: string;
  readonly description: string;
  /** Why the case did not run here. */
  readonly skipped: string | undefined;
  readonly disagreements: readonly Disagreement[];
  readonly asked: Comparison["asked"];
  /** Of cases whose message is listed as reworded: whether it differs from BuildKit's. */
  readonly isRewordingNeeded: boolean | undefined;
}

export interface RunCasesOptions {
  /** Takes all without it. */
  readonly choose?: (id: string) => boolean;
  readonly mode?: RunMode;
  /** With it the cases that need RUN are run, and no others. */
  readonly commands?: RunCommands;
}

/** The results of the cases that need no RUN (or of those that do), in the order of the groups. */
export async function runCases(options: RunCasesOptions = {}): Promise<CaseResult[]> {
  const { choose = () => true, mode, commands } = options;
  const cases = caseGroups()
    .flatMap((group) => loadCases(group))
    .filter((each) => each.requires.includes("run") === (commands !== undefined) && choose(each.id));
  const results = new Map<string, CaseResult>();
  await using runner = await CaseRunner.create(mode, commands);
  await forEachLimited(
    cases,
    commands === undefined ? PARALLEL : PARALLEL_COMMANDS,
    {},
    async (each) => void results.set(each.id, await runCase(runner, each)),
  );
  return cases.map(({ id }) => results.get(id)!);
}

async function runCase(runner: CaseRunner, each: ConformanceCase): Promise<CaseResult> {
  const { id, group, description, expected } = each;
  const result = { id, group, description, skipped: undefined };
  try {
    const actual = await runner.run(each);
    const rewordedMessage = REWORDED.get(id);
    const comparison = compareCase(each, actual, { hostArchitecture: hostPlatform().architecture, rewordedMessage });
    const isRewordingNeeded =
      rewordedMessage === undefined || expected.result === "ok" || actual.result === "ok"
        ? undefined
        : !messageAgrees(expected.message, actual.message);
    return { ...result, ...comparison, isRewordingNeeded };
  } catch (error) {
    if (!(error instanceof MissingRequirement)) throw new Error(`case ${id} broke the runner`, { cause: error });
    return { ...result, skipped: error.message, asked: new Set(), disagreements: [], isRewordingNeeded: undefined };
  }
}

/** Of each reported aspect: in how many cases it is asked, and in how many of those it agrees. */
export function reportedScore(results: readonly CaseResult[]): Map<ReportedAspect, { asked: number; agreed: number }> {
  return new Map(
    REPORTED.map((aspect) => {
      const asked = results.filter((result) => result.asked.has(aspect));
      const agreed = asked.filter((result) => result.disagreements.every((each) => each.aspect !== aspect));
      return [aspect, { asked: asked.length, agreed: agreed.length }];
    }),
  );
}
