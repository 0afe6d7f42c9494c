/** ENV, LABEL, CMD, ARG, … and `WORKDIR /`: only changes the config, an `empty_layer` line in the history. */
import type { JsonObject } from "../../util/canonical-json.js";
import type { StepBase } from "./step-base.js";

export interface ConfigStep extends StepBase<"config"> {}

/** Cache projection. Config steps make no layer and are never looked up; this is for `--explain`. */
export function projection(step: ConfigStep): JsonObject {
  return { createdBy: step.createdBy };
}
