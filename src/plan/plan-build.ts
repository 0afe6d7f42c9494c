/** Dockerfile + options + base image configs → `BuildPlan`. The only I/O is the injected resolver's. */
import { assertValid } from "../dockerfile/assert-valid.js";
import { checkOptionsOf } from "../dockerfile/lint/check-options.js";
import { lintSyntax } from "../dockerfile/lint/lint-syntax.js";
import { Linter } from "../dockerfile/lint/linter.js";
import { isRuleName } from "../dockerfile/lint/rules.js";
import type { Diagnostic } from "../errors.js";
import { normalizePlatform } from "../oci/platform.js";
import type { Platform } from "../oci/types.js";
import type { BuildPlan } from "./build-plan.js";
import { mergeTargets } from "./merge-targets.js";
import { openTarget, sharedContext, type TargetInput } from "./open-target.js";
import { planTarget, type TargetPlan } from "./plan-target.js";

export interface PlanInput extends TargetInput {
  /** In the order asked for. Empty when none was: then the result is for what its base image says. */
  readonly platforms: readonly Platform[];
  /** Added to the labels of the result. */
  readonly labels: ReadonlyMap<string, string>;
  /** Gets each warning as it is found: they are worth knowing also when there is no plan in the end. */
  readonly onWarning?: (warning: Diagnostic) => void;
}

/**
 * Plans the build of all platforms. Nothing of the host's environment enters.
 *
 * @throws DOCKERFILE_INVALID with all that the parser found, DOCKERFILE_CHECKS, PLAN_INVALID, PLAN_UNKNOWN_TARGET,
 *   PLAN_UNSUPPORTED, LIMIT_EXCEEDED, OPTIONS_INVALID, and what the resolver throws
 */
export async function planBuild(input: PlanInput): Promise<BuildPlan> {
  const { dockerfile, signal } = input;
  const warnings: Diagnostic[] = [];
  const warn = (warning: Diagnostic): void => {
    warnings.push(warning);
    input.onWarning?.(warning);
  };
  const checks = checkOptionsOf(dockerfile, input.buildArgs);
  const lint = Linter.create(checks, warn);
  lintSyntax(dockerfile, lint);
  for (const diagnostic of dockerfile.diagnostics) {
    if (diagnostic.severity !== "error" && !isRuleName(diagnostic.code)) warn(diagnostic);
  }
  assertValid(dockerfile);
  const shared = sharedContext(input, {
    labels: input.labels,
    implicitPlatform: input.platforms.length === 0,
    allStages: false,
  });
  const platforms = input.platforms.length === 0 ? [shared.buildPlatform] : input.platforms.map(normalizePlatform);
  const targets: TargetPlan[] = [];
  for (const targetPlatform of platforms) {
    signal?.throwIfAborted();
    // What there is to say is said once, for the first platform.
    const ownLint = targets.length === 0 ? lint : Linter.silent(checks);
    targets.push(await planTarget(openTarget(shared, targetPlatform, ownLint)));
    ownLint.assertClean(dockerfile.source.name);
  }
  return { version: 1, ...mergeTargets(targets), warnings };
}
