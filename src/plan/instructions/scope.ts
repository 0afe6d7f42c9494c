/** What planning one instruction works on: the stage so far, and how words are expanded in it. */
import type { Word } from "../../dockerfile/ast.js";
import { type ExpandOptions, expandWord } from "../../dockerfile/expand.js";
import type { Linter } from "../../dockerfile/lint/linter.js";
import type { Step } from "../build-plan.js";
import { lintUndefined } from "../lint/lint-undefined.js";
import { at, type Where } from "../problem.js";
import type { Command, StageDraft } from "../stage-draft.js";
import type { StepBase } from "../steps/step-base.js";
import type { TargetContext } from "../target-context.js";
import { WatchedVariables } from "../watched-variables.js";

export interface Scope {
  readonly context: TargetContext;
  readonly draft: StageDraft;
  readonly command: Command;
  readonly lint: Linter;
}

/** `word` with the variables of this point. @throws PLAN_INVALID, LIMIT_EXCEEDED */
export function expand(scope: Scope, word: Word): string {
  return expandText(scope, word, { escape: scope.context.dockerfile.escape });
}

/** `word` expanded as `options` say; variables that are not set are reported. @throws PLAN_INVALID, LIMIT_EXCEEDED */
export function expandText(scope: Scope, word: Word, options: ExpandOptions): string {
  const variables = new WatchedVariables(scope.draft.env);
  return at(whereOf(scope, word), () => {
    try {
      const { value } = expandWord(word.value, variables, options);
      scope.context.budget.charge(value.length);
      return value;
    } finally {
      lintUndefined(scope, variables.unmatched);
    }
  });
}

/** Where a part of the instruction is; spans inside a trigger mean nothing in the Dockerfile. */
export function whereOf({ command }: Scope, part: { readonly span: Where["span"] }): Where {
  return command.onbuild ? command.where : { ...command.where, span: part.span };
}

/** Appends a step. */
export function addStep(scope: Scope, step: Omit<Step, "span" | "onbuild"> & { readonly kind: Step["kind"] }): void {
  scope.context.budget.charge(step.createdBy.length);
  scope.draft.steps.push({ ...step, span: scope.command.where.span, onbuild: scope.command.onbuild } as Step);
}

/** Appends a step that only changes the config. */
export function addConfigStep(scope: Scope, createdBy: string): void {
  const step: Omit<StepBase<"config">, "span" | "onbuild"> = { kind: "config", createdBy };
  addStep(scope, step);
}
