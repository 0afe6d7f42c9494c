/** What can be asked about a build without building: its checks, what it wants to know, what can be built. */

import { isRuleName, type RuleName, ruleNamed } from "./dockerfile/lint/rules.js";
import { listTargets, type Target } from "./dockerfile/list-targets.js";
import type { OcibuildError, SourceLocation } from "./errors.js";
import type { BuildOptions } from "./options.js";
import { lintDockerfile } from "./plan/lint-dockerfile.js";
import { type Outline, outlineDockerfile } from "./plan/outline-dockerfile.js";
import { type Front, openFront, openSurroundings } from "./prepare.js";
import { type LineRange, linesOf, locate, type SourceText } from "./util/source-text.js";

/** Something that a build check found. */
export interface Finding {
  readonly rule: RuleName;
  /** What the rule demands. */
  readonly description: string;
  /** What Docker says about the rule. */
  readonly url: string | undefined;
  readonly message: string;
  /** What to do about it. */
  readonly hint: string;
  readonly lines: LineRange;
  readonly location: SourceLocation;
}

export interface CheckResult {
  /** In the order in which they are found. */
  readonly findings: readonly Finding[];
  /** Why the checks ended early: the Dockerfile cannot be built. Or that there are findings, with `error=true`. */
  readonly error: OcibuildError | undefined;
  readonly source: SourceText;
}

export interface OutlineResult extends Outline {
  readonly source: SourceText;
}

export interface TargetsResult {
  readonly targets: readonly Target[];
  readonly source: SourceText;
}

/**
 * Checks the Dockerfile: all stages, or what `target` needs. Images are resolved, nothing is built.
 * @throws OcibuildError when there is no Dockerfile to check; the signal's reason when it is aborted
 */
export function runCheck(options: BuildOptions): Promise<CheckResult> {
  return ask(options, async ({ input, source }) => {
    const { findings, error } = await lintDockerfile(input);
    return {
      findings: findings.flatMap(({ code, message, span, hint }) => {
        if (!isRuleName(code)) return [];
        const { description, url } = ruleNamed(code);
        const place = { lines: linesOf(source, span), location: locate(source, span) };
        return [{ rule: code, description, url, message, hint: hint ?? "", ...place }];
      }),
      error,
      source,
    };
  });
}

/** The build arguments, secrets and SSH agents of the target. @throws what a build throws before its first step */
export function runOutline(options: BuildOptions): Promise<OutlineResult> {
  return ask(options, async ({ input, source }) => ({ ...(await outlineDockerfile(input)), source }));
}

/** The stages of the Dockerfile. @throws CONTEXT_…, DOCKERFILE_… */
export function runTargets(options: BuildOptions): Promise<TargetsResult> {
  return ask(options, async ({ input, source }) => ({ targets: listTargets(input.dockerfile), source }));
}

async function ask<T>(options: BuildOptions, answer: (front: Front) => Promise<T>): Promise<T> {
  try {
    await using surroundings = await openSurroundings(options);
    await using front = await openFront(surroundings, options);
    return await answer(front);
  } catch (error) {
    // What breaks because of the abort is not what the caller wants to hear of.
    options.signal?.throwIfAborted();
    throw error;
  }
}
