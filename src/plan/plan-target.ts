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

/** The stages in the making, all of them planned that are wanted. */
export interface PlannedDrafts {
  readonly target: StageDraft;
  /** In the order of the Dockerfile, the target among them. */
  readonly stages: readonly StageDraft[];
}

/** @throws PLAN_INVALID, PLAN_UNKNOWN_TARGET, PLAN_UNSUPPORTED, LIMIT_EXCEEDED, and what the resolver throws */
export async function planTarget(context: TargetContext): Promise<TargetPlan> {
  const { target, stages } = await planDrafts(context);
  const platform = finishTarget(target, context);
  const others = stages.filter((draft) => draft !== target && isPlannedStage(draft));
  return {
    platform,
    target: stageIdOf(target),
    stages: [...others.map((draft) => plannedStage(draft)), plannedStage(target, platform)],
  };
}

/**
 * Plans what the target needs, or all stages.
 * @throws PLAN_INVALID, PLAN_UNKNOWN_TARGET, PLAN_UNSUPPORTED, LIMIT_EXCEEDED, and what the resolver throws
 */
export async function planDrafts(context: TargetContext): Promise<PlannedDrafts> {
  const graph = buildStageGraph(context);
  const target = findTarget(graph, context.target);
  const wanted = (): ReadonlySet<StageDraft> => (context.allStages ? new Set(graph.drafts) : reachableFrom(target));
  await resolveBases(graph, wanted(), context);
  // Triggers may name images and stages that nothing else needed.
  while (takeTriggers(graph, reachableFrom(target), context)) await resolveBases(graph, wanted(), context);
  const all = wanted();
  const stages = graph.drafts.filter(
    (draft) => draft.stage !== undefined && all.has(draft) && (context.allStages || isPlannedStage(draft)),
  );
  for (const draft of stages) planStage(draft, context);
  return { target, stages };
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
