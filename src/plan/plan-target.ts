/** Plans all that one target platform needs. */
import { normalizePlatform } from "../oci/platform.js";
import type { Platform } from "../oci/types.js";
import type { PlannedStage, StageId } from "./build-plan.js";
import { plannedConfigOf } from "./image-draft.js";
import { takeTriggers } from "./onbuild.js";
import { planStage } from "./plan-stage.js";
import { resolveBases } from "./resolve-bases.js";
import { baseOf, isPlannedStage, type StageDraft, stageIdOf } from "./stage-draft.js";
import { buildStageGraph, findTarget, reachableFrom } from "./stage-graph.js";
import type { TargetContext } from "./target-context.js";

export interface TargetPlan {
  readonly platform: Platform;
  readonly target: StageId;
  /** In the order of the Dockerfile, the target among them; ids are unique within this target. */
  readonly stages: readonly PlannedStage[];
}

/** @throws PLAN_INVALID, PLAN_UNKNOWN_TARGET, PLAN_UNSUPPORTED, LIMIT_EXCEEDED, and what the resolver throws */
export async function planTarget(context: TargetContext): Promise<TargetPlan> {
  const graph = buildStageGraph(context);
  const target = findTarget(graph, context.target);
  let needed = reachableFrom(target);
  await resolveBases(graph, needed, context);
  // Triggers may name images and stages that nothing else needed.
  while (takeTriggers(graph, needed, context)) {
    needed = reachableFrom(target);
    await resolveBases(graph, needed, context);
  }
  const planned = graph.drafts.filter((draft) => needed.has(draft) && isPlannedStage(draft));
  for (const draft of planned) planStage(draft, context);
  const platform = finishTarget(target, context);
  const stages = planned.filter((draft) => draft !== target).map((draft) => plannedStage(draft));
  return { platform, target: stageIdOf(target), stages: [...stages, plannedStage(target, platform)] };
}

/** Adds the labels of the command line and settles what the image is for. */
function finishTarget(target: StageDraft, { labels, targetPlatform, implicitPlatform }: TargetContext): Platform {
  for (const [name, value] of labels) target.image.labels.set(name, value);
  const own = target.image.platform;
  if (own === undefined || !implicitPlatform) {
    const sameArchitecture = own?.os === targetPlatform.os && own.architecture === targetPlatform.architecture;
    return normalizePlatform(sameArchitecture ? { ...own, ...targetPlatform } : targetPlatform);
  }
  return normalizePlatform(own);
}

/** @param resultPlatform what the config says, the image's own platform unless given */
function plannedStage(draft: StageDraft, resultPlatform?: Platform): PlannedStage {
  const platform = draft.platform!;
  return {
    id: stageIdOf(draft),
    index: draft.index,
    name: draft.stage?.name,
    platform,
    base: draft.base === undefined ? (draft.origin ?? { kind: "scratch" }) : baseOf(draft.base),
    steps: draft.steps,
    config: plannedConfigOf(draft.image, resultPlatform ?? draft.image.platform ?? platform),
  };
}
