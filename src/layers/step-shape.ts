/** The shapes of steps: of each what goes into its key beside what it starts from and what it reads. */
import type { StepShape } from "../cache/key.js";
import { formatPlatform } from "../oci/platform.js";
import type { Platform } from "../oci/types.js";
import type { Step } from "../plan/build-plan.js";
import { projection as projectCopy } from "../plan/steps/copy.js";
import { projection as projectRun } from "../plan/steps/run.js";
import { projection as projectWorkdir } from "../plan/steps/workdir.js";
import type { JsonObject } from "../util/canonical-json.js";
import { projectExecution, type RunExecution } from "./run/run-execution.js";
import { projectTimes, type TimePolicy } from "./times.js";

/** A step that makes a layer. */
export type LayerStep = Exclude<Step, { readonly kind: "config" }>;

export interface ShapeSurroundings {
  readonly times: TimePolicy;
  readonly execution: Omit<RunExecution, "executor" | "secret">;
}

/** @param platform of the stage */
export function stepShape(step: LayerStep, platform: Platform, { times, execution }: ShapeSurroundings): StepShape {
  const projection = { step: projectStep(step, platform, execution), times: projectTimes(times) };
  return { kind: step.kind, platform: "", projection };
}

function projectStep(step: LayerStep, platform: Platform, execution: ShapeSurroundings["execution"]): JsonObject {
  switch (step.kind) {
    case "copy":
      return projectCopy(step);
    case "workdir":
      return projectWorkdir(step);
    case "run":
      return { step: projectRun(step), platform: formatPlatform(platform), execution: projectExecution(execution) };
    default:
      return step satisfies never;
  }
}
