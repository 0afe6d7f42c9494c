/** WORKDIR: makes the directory (0755) and its parents where they are missing. */
import type { JsonObject } from "../../util/canonical-json.js";
import type { StepBase } from "./step-base.js";

export interface WorkdirStep extends StepBase<"workdir"> {
  /** Absolute and clean, with `/` on every platform. */
  readonly path: string;
  /** USER in force (`name[:group]` or ids), owner of what is made; empty for root. */
  readonly user: string;
}

/** Cache projection: what decides the layer, given the file system below. */
export function projection(step: WorkdirStep): JsonObject {
  return { path: step.path, user: step.user };
}

/** The history line; `path` as it will stand in the config. */
export function workdirHistory(path: string): string {
  return `WORKDIR ${path}`;
}
