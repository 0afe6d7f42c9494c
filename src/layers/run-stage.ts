/** Runs one stage: its base, then its steps one after the other, each telling how it went. */
import { withLocation } from "../errors.js";
import type { TaskInfo } from "../events.js";
import type { DiffId } from "../oci/digest.js";
import { formatPlatform } from "../oci/platform.js";
import type { HistoryEntry, Image } from "../oci/types.js";
import type { FileSource, PlannedStage, StageId, Step } from "../plan/build-plan.js";
import { locate } from "../util/source-text.js";
import { copyWork } from "./copy/copy-step.js";
import type { StageLayers } from "./copy/stage-files.js";
import { workdirWork } from "./copy/workdir-step.js";
import type { StageTrail } from "./explain/build-trail.js";
import { instructionText, stepTitle } from "./explain/step-title.js";
import { diffIdsOf, historyOf, type Lineage, withLine } from "./lineage.js";
import type { PassOutput } from "./run/run-output.js";
import { type RunStepOptions, runWork } from "./run/run-step.js";
import type { RunContext } from "./run-context.js";
import type { SealEditOptions } from "./seal/seal-edit.js";
import { type SteppedLayer, type StepWork, stepLayer } from "./step-layer.js";
import type { LayerStep } from "./step-shape.js";

/** What a stage came to. */
export interface StageResult {
  /** Base layer first. */
  readonly diffIds: readonly DiffId[];
  /** The image that all began with, when there is one. */
  readonly base: Image | undefined;
  /** Of what is above `base`. */
  readonly history: readonly HistoryEntry[];
  /** RFC 3339; when the last layer was made. */
  readonly created: string | undefined;
}

export function stageResult(run: RunContext, lineage: Lineage): StageResult {
  return { diffIds: diffIdsOf(lineage), base: lineage.base, ...historyOf(lineage, run.times.epochSeconds) };
}

/** The tasks of a stage's steps that do work, in their order. */
export function stageTasks(run: RunContext, stage: PlannedStage): TaskInfo[] {
  const working = stage.steps.filter((step) => step.kind !== "config");
  return working.map((step, index) => {
    const platform = formatPlatform(stage.platform);
    const name = stage.name ?? (stage.index === 0 ? undefined : `stage-${stage.index}`);
    const place = `${name === undefined ? "" : `${name} `}${index + 1}/${working.length}`;
    return {
      id: `${stage.id}#${index + 1}`,
      kind: "step",
      name: `[${place}] ${instructionText(step)}`,
      stage: stage.name ?? String(stage.index),
      platform,
      location: locate(run.source, step.span),
    };
  });
}

/** @throws whatever its steps throw, with the step's place in the Dockerfile */
export async function runStage(
  run: RunContext,
  stage: PlannedStage,
  baseOf: (stage: PlannedStage) => Promise<Lineage>,
  stageLayers: StageLayers,
  options: SealEditOptions,
): Promise<Lineage> {
  const tasks = stageTasks(run, stage);
  let lineage = await baseOf(stage);
  const trail = run.trail.begin(stage, diffIdsOf(lineage));
  for (const [index, step] of stage.steps.entries()) {
    run.signal.throwIfAborted();
    if (step.kind !== "config") {
      // A step begins when the stages it reads from are there.
      for (const id of readStages(step)) await stageLayers(id);
      const isRunOn = stage.steps.slice(index + 1).some(({ kind }) => kind === "run");
      const all = { ...options, isRunOn };
      ({ lineage } = await runStep(run, trail, step as LayerStep, tasks.shift()!, lineage, stageLayers, all));
    }
    lineage = withLine(lineage, step.createdBy, step.kind !== "config");
  }
  run.lineages.set(stage.id, lineage);
  return lineage;
}

/** The stages that a step reads files from. */
export function readStages(step: Step): readonly StageId[] {
  const sources: FileSource[] = [];
  if (step.kind === "copy") sources.push(step.from);
  else if (step.kind === "run") for (const mount of step.mounts) if ("from" in mount) sources.push(mount.from);
  return sources.flatMap((source) => (source.kind === "stage" ? source.stage : []));
}

async function runStep(
  run: RunContext,
  trail: StageTrail,
  step: LayerStep,
  task: TaskInfo,
  before: Lineage,
  stageLayers: StageLayers,
  options: SealEditOptions,
): Promise<SteppedLayer> {
  const { onEvent, nowMs } = run;
  onEvent({ type: "task-started", task, timeMs: nowMs() });
  const onProgress = (current: number): void => {
    onEvent({ type: "task-progress", id: task.id, current, unit: "bytes" });
  };
  const onOutput: PassOutput = (stream, chunk) => onEvent({ type: "task-output", id: task.id, stream, chunk });
  let log: { readonly log?: string } = {};
  const onLog = (path: string): void => {
    log = { log: path };
  };
  const { stage } = trail;
  const place = { trail, index: trail.done.length, title: stepTitle(step), taskId: task.id };
  const told = { onProgress, onOutput, onLog };
  const all = { ...options, ...told, platform: stage.platform, mayReuse: run.mayReuse(stage), place };
  try {
    const work = await stepWork(run, step, diffIdsOf(before), stageLayers, all);
    const layer = await stepLayer(run, work, before);
    const outcome = layer.isCached ? "cached" : "done";
    onEvent({ type: "task-finished", id: task.id, outcome, timeMs: nowMs(), ...log });
    return layer;
  } catch (error) {
    const outcome = run.signal.aborted ? "cancelled" : "failed";
    onEvent({ type: "task-finished", id: task.id, outcome, timeMs: nowMs(), ...log });
    throw withLocation(error, locate(run.source, step.span));
  }
}

/** The work of a step; what it reads is found, and nothing is read yet. */
export async function stepWork(
  run: RunContext,
  step: LayerStep,
  parent: readonly DiffId[],
  stageLayers: StageLayers,
  options: RunStepOptions,
): Promise<StepWork> {
  switch (step.kind) {
    case "copy":
      return copyWork(run, step, parent, stageLayers, options);
    case "workdir":
      return workdirWork(run, step, parent, options);
    case "run":
      return runWork(run, step, parent, stageLayers, options);
    default:
      return step satisfies never;
  }
}
