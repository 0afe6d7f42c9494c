/** What a run of a plan would find in the cache: nothing is made, and of what is not found it is told why. */
import { type CacheKey, type ShapeKey, type StepKeyParts, type StepShape, stepKey } from "../cache/key.js";
import type { MissCause } from "../events.js";
import { chainIdOf, type DiffId } from "../oci/digest.js";
import type { BuildPlan, PlannedStage, StageId, Step } from "../plan/build-plan.js";
import { contextWork } from "./copy/context-layer.js";
import { stepTitle } from "./explain/step-title.js";
import type { RunContext } from "./run-context.js";
import { readStages, stepWork } from "./run-stage.js";
import { lookUp, missCauses, type StepWork } from "./step-layer.js";
import type { LayerStep } from "./step-shape.js";

export interface LookedUpStep {
  readonly step: Step;
  /** In one line. */
  readonly title: string;
  /**
   * `config` makes no layer; `cached` is in the cache; `runs` is not; `depends` stands on a step that runs, and on what
   * comes out of it.
   */
  readonly state: "config" | "cached" | "runs" | "depends";
  /** Of steps that make layers: what the Dockerfile and the options say. */
  readonly shape: StepShape | undefined;
  readonly shapeKey: ShapeKey | undefined;
  /** What the key is made of, where that is known. */
  readonly parts: StepKeyParts | undefined;
  readonly key: CacheKey | undefined;
  /** The layer of a cached step. */
  readonly diffId: DiffId | undefined;
  /** Of steps that run. */
  readonly causes: readonly MissCause[];
}

export interface LookedUpStage {
  readonly stage: PlannedStage;
  readonly steps: readonly LookedUpStep[];
}

/** @throws what reading what the steps read throws; the signal's reason */
export async function lookUpPlan(run: RunContext, plan: BuildPlan): Promise<readonly LookedUpStage[]> {
  /** Layers of the stages; `undefined` where they are not known. */
  const layers = new Map<StageId, readonly DiffId[] | undefined>();
  const found: LookedUpStage[] = [];
  for (const stage of plan.stages) {
    const looked = await lookUpStage(run, stage, layers);
    layers.set(stage.id, looked.layers);
    found.push({ stage, steps: looked.steps });
  }
  return found;
}

type Known = ReadonlyMap<StageId, readonly DiffId[] | undefined>;

async function lookUpStage(
  run: RunContext,
  stage: PlannedStage,
  known: Known,
): Promise<{ readonly layers: readonly DiffId[] | undefined; readonly steps: readonly LookedUpStep[] }> {
  let layers = await baseLayers(run, stage, known);
  const trail = run.trail.begin(stage, layers ?? []);
  const steps: LookedUpStep[] = [];
  let index = 0;
  for (const step of stage.steps) {
    run.signal.throwIfAborted();
    const title = stepTitle(step);
    if (step.kind === "config") {
      steps.push({ step, title, state: "config", ...NOTHING });
      continue;
    }
    const place = { trail, index: index++, title, taskId: undefined };
    const planned = {
      step,
      title,
      shape: trail.shapeOf(step as LayerStep),
      shapeKey: trail.planned[place.index]!.shape,
    };
    if (layers === undefined || readStages(step).some((id) => known.get(id) === undefined)) {
      steps.push({ ...NOTHING, ...planned, state: "depends" });
      layers = undefined;
      continue;
    }
    const stageLayers = async (id: StageId): Promise<readonly DiffId[]> => known.get(id)!;
    const options = { ...SILENT, platform: stage.platform, mayReuse: run.mayReuse(stage), place };
    const work = await stepWork(run, step as LayerStep, layers, stageLayers, options);
    const looked = await lookUpStep(run, work);
    steps.push({ ...planned, ...looked });
    const { diffId, key } = looked;
    if (diffId !== undefined && key !== undefined) {
      trail.done.push({ kind: step.kind, title, shape: planned.shapeKey, key, diffId });
    }
    layers = diffId === undefined ? undefined : [...layers, diffId];
  }
  return { layers, steps };
}

const SILENT = { compression: undefined, onOutput: () => {}, onLog: () => {}, onProgress: () => {} };
const NOTHING = {
  shape: undefined,
  shapeKey: undefined,
  parts: undefined,
  key: undefined,
  diffId: undefined,
  causes: [],
} as const;

async function lookUpStep(
  run: RunContext,
  work: StepWork,
): Promise<Pick<LookedUpStep, "state" | "parts" | "key" | "diffId" | "causes">> {
  const parent = chainIdOf(work.parent) ?? null;
  const found = await lookUp(run, work, parent);
  const parts = { ...work.shape, parent, inputs: await work.inputs("look up") };
  const key = stepKey(parts);
  if (found !== undefined) return { state: "cached", parts, key, diffId: found.diffId, causes: [] };
  return { state: "runs", parts, key, diffId: undefined, causes: await missCauses(run, work, parent) };
}

/** What the stage starts from; `undefined` when that is not known. */
async function baseLayers(run: RunContext, stage: PlannedStage, known: Known): Promise<readonly DiffId[] | undefined> {
  const { base } = stage;
  switch (base.kind) {
    case "scratch":
      return [];
    case "image":
      return base.image.layers.map(({ diffId }) => diffId);
    case "stage":
      return known.get(base.stage);
    case "named-context": {
      const found = await lookUp(run, await contextWork(run, stage, base.name), null);
      return found === undefined ? undefined : [found.diffId];
    }
    default:
      return base satisfies never;
  }
}
