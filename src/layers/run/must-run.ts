/** Whether commands will have to run, as far as that can be known before anything is read. */
import { shapeKey } from "../../cache/key.js";
import type { BuildPlan } from "../../plan/build-plan.js";
import type { RunContext } from "../run-context.js";
import { stepShape } from "../step-shape.js";

/**
 * Whether some RUN step cannot come from a cache: none may answer for it, or none knows a step like it. Never where the
 * build ends at the first step that is in no cache.
 */
export function mustRun(run: RunContext, plan: BuildPlan): boolean {
  if (run.explains === "and-fails") return false;
  const isUnknown = run.shared?.hasImports !== true;
  return plan.stages.some((stage) =>
    stage.steps.some(
      (step) =>
        step.kind === "run" &&
        (!run.mayReuse(stage) ||
          (isUnknown && !run.store.steps.hasShape(shapeKey(stepShape(step, stage.platform, run))))),
    ),
  );
}
