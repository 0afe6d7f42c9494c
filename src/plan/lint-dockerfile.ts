/** All build checks of a Dockerfile: what `docker build --check` finds. */
import { assertValid } from "../dockerfile/assert-valid.js";
import { checkOptionsOf } from "../dockerfile/lint/check-options.js";
import { lintSyntax } from "../dockerfile/lint/lint-syntax.js";
import { Linter } from "../dockerfile/lint/linter.js";
import { type Diagnostic, isOcibuildError, type OcibuildError } from "../errors.js";
import { openTarget, sharedContext, type TargetInput } from "./open-target.js";
import { planDrafts } from "./plan-target.js";

export interface LintReport {
  /** In the order in which they are found; equal ones as often as they are. `code` is the name of the rule. */
  readonly findings: readonly Diagnostic[];
  /** Why the checks ended early: the Dockerfile cannot be built. Or that there are findings, with `error=true`. */
  readonly error: OcibuildError | undefined;
}

/**
 * Checks the target and what it needs; all stages when there is no target. The platform is that of this machine, as for a
 * build that asks for none.
 * @throws the reason of the signal
 */
export async function lintDockerfile(input: TargetInput): Promise<LintReport> {
  const { dockerfile, buildArgs, signal } = input;
  const findings: Diagnostic[] = [];
  try {
    const lint = Linter.create(checkOptionsOf(dockerfile, buildArgs), (finding) => findings.push(finding));
    lintSyntax(dockerfile, lint);
    assertValid(dockerfile);
    const allStages = input.target === undefined || input.target === "";
    const shared = sharedContext(input, { labels: new Map(), implicitPlatform: true, allStages });
    await planDrafts(openTarget(shared, shared.buildPlatform, lint));
    lint.assertClean(dockerfile.source.name);
  } catch (error) {
    signal?.throwIfAborted();
    if (!isOcibuildError(error)) throw error;
    return { findings, error };
  }
  return { findings, error: undefined };
}
