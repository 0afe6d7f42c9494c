/** Steps as progress, errors, explanations and journals name them. */
import type { PlannedStage, Step } from "../../plan/build-plan.js";

const MOST = 200;

/** The instruction; unlike the line of an image's history without the build arguments that RUN was given: they may be secrets. */
export function instructionText(step: Step): string {
  return step.kind === "run" ? `RUN ${commandText(step.args)}` : step.createdBy;
}

/** The instruction in one line that is not too long. */
export function stepTitle(step: Step): string {
  const line = instructionText(step).replace(/\s*\n\s*/g, " ");
  return line.length <= MOST ? line : `${line.slice(0, MOST - 1)}…`;
}

/** A command as it was written: the usual shell goes without saying. */
export function commandText(args: readonly string[]): string {
  return args[0] === "/bin/sh" && args[1] === "-c" && args.length === 3 ? args[2]! : args.join(" ");
}

/** The stage's name, or its number. */
export function stageLabel({ name, index }: Pick<PlannedStage, "name" | "index">): string {
  return name ?? String(index);
}
