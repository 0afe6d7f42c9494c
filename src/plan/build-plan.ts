/**
 * What a build will do, as plain JSON: every variable expanded, unreachable stages gone, base images pinned.
 *
 * A pure function of the Dockerfile text, the options and the base images' configs; printing it (`ocibuild plan`)
 * needs no layer and no executor.
 */
import type { Diagnostic } from "../errors.js";
import type { ExecutionConfig, Image, Platform } from "../oci/types.js";
import type { JsonObject } from "../util/canonical-json.js";
import type { FileSource, StageId } from "./file-source.js";
import { type ConfigStep, projection as projectConfig } from "./steps/config.js";
import { type CopySource, type CopyStep, projection as projectCopy } from "./steps/copy.js";
import { type PlannedMount, projection as projectRun, type RunStep } from "./steps/run.js";
import { projection as projectWorkdir, type WorkdirStep } from "./steps/workdir.js";

export type { ConfigStep, CopySource, CopyStep, FileSource, PlannedMount, RunStep, StageId, WorkdirStep };

export interface BuildPlan {
  readonly version: 1;
  /** A stage stands after all stages that it reads. */
  readonly stages: readonly PlannedStage[];
  /** One for each platform asked for, in that order. */
  readonly targets: readonly { readonly platform: Platform; readonly stage: StageId }[];
  /** What the plan has to say and can live with. */
  readonly warnings: readonly Diagnostic[];
}

export interface PlannedStage {
  readonly id: StageId;
  readonly index: number;
  readonly name: string | undefined;
  /** What the result is for (TARGETPLATFORM, or what FROM --platform says). */
  readonly platform: Platform;
  readonly base: PlannedBase;
  readonly steps: readonly Step[];
  /** The config of the result, base config and all steps applied. */
  readonly config: PlannedConfig;
}

export type PlannedBase =
  | { readonly kind: "scratch" }
  | { readonly kind: "stage"; readonly stage: StageId }
  | { readonly kind: "image"; readonly reference: string; readonly image: Image }
  /** The files of a named context are the first layer. */
  | { readonly kind: "named-context"; readonly name: string };

/** The parts of an image config that instructions decide; `rootfs` and `history` come from running the plan. */
export interface PlannedConfig extends Platform {
  readonly author?: string;
  readonly config: ExecutionConfig;
}

export type Step = ConfigStep | WorkdirStep | CopyStep | RunStep;

/** What of `step` goes into its cache key, beside the file system below it and the content of its inputs. */
export function projectStep(step: Step): JsonObject {
  switch (step.kind) {
    case "config":
      return projectConfig(step);
    case "workdir":
      return projectWorkdir(step);
    case "copy":
      return projectCopy(step);
    case "run":
      return projectRun(step);
    default:
      return step satisfies never;
  }
}

/** The first RUN of the plan and its stage, for callers that cannot execute anything. */
export function firstRunStep(plan: BuildPlan): { readonly stage: PlannedStage; readonly step: RunStep } | undefined {
  for (const stage of plan.stages) {
    for (const step of stage.steps) {
      if (step.kind === "run") return { stage, step };
    }
  }
  return undefined;
}
