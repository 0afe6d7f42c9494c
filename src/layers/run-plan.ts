/** Runs a plan: stages side by side, each as soon as what it reads from is there. */
import type { BuildPlan, PlannedStage } from "../plan/build-plan.js";
import type { StageId } from "../plan/file-source.js";
import { contextLayer } from "./copy/context-layer.js";
import { diffIdsOf, type Lineage, rootLineage } from "./lineage.js";
import type { RunContext } from "./run-context.js";
import { runStage, type StageResult, stageResult, stageTasks } from "./run-stage.js";

/**
 * The results of all stages. After a failure the others are cancelled and waited for: nothing works on in the background.
 * @param cancel ends the other stages of `run.signal`
 */
export async function runPlan(
  run: RunContext,
  plan: BuildPlan,
  cancel: (reason: unknown) => void,
): Promise<ReadonlyMap<StageId, StageResult>> {
  run.onEvent({ type: "plan", version: 1, tasks: plan.stages.flatMap((stage) => stageTasks(run, stage)) });
  const results = new Map<StageId, Promise<Lineage>>();
  const resultOf = (id: StageId): Promise<Lineage> => {
    const result = results.get(id);
    if (result === undefined) throw new Error(`plan reads stage ${id} before it is there`);
    return result;
  };
  const inResult = stagesInResult(plan);
  const baseOf = async (stage: PlannedStage): Promise<Lineage> => {
    const { base } = stage;
    switch (base.kind) {
      case "scratch":
        return rootLineage(undefined);
      case "stage":
        return resultOf(base.stage);
      case "image":
        return rootLineage(base.image);
      case "named-context":
        return contextLayer(run, stage, base.name);
      default:
        return base satisfies never;
    }
  };
  let failure: { readonly error: unknown } | undefined;
  for (const stage of plan.stages) {
    const compression = inResult.has(stage.id) ? run.compression : undefined;
    const stageLayers = async (id: StageId): Promise<StageResult["diffIds"]> => diffIdsOf(await resultOf(id));
    const result = runStage(run, stage, baseOf, stageLayers, { compression });
    results.set(stage.id, result);
    result.catch((error: unknown) => {
      failure ??= { error };
      cancel(error);
    });
  }
  await Promise.allSettled(results.values());
  if (failure !== undefined) throw failure.error;
  const settled = new Map<StageId, StageResult>();
  for (const [id, result] of results) settled.set(id, stageResult(run, await result));
  return settled;
}

/** Stages whose layers end up in a result: the targets and what they are built on. */
function stagesInResult(plan: BuildPlan): ReadonlySet<StageId> {
  const byId = new Map(plan.stages.map((stage) => [stage.id, stage]));
  const found = new Set<StageId>();
  for (const target of plan.targets) {
    let id: StageId | undefined = target.stage;
    while (id !== undefined) {
      found.add(id);
      const base: PlannedStage["base"] | undefined = byId.get(id)?.base;
      id = base?.kind === "stage" ? base.stage : undefined;
    }
  }
  return found;
}
