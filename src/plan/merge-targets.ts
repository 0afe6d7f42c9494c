/** Joins the plans of several platforms; stages that are the same for all of them stand once. */
import { formatPlatform, samePlatform } from "../oci/platform.js";
import type { BuildPlan, FileSource, PlannedStage, Step } from "./build-plan.js";
import type { StageId } from "./file-source.js";
import type { TargetPlan } from "./plan-target.js";

/** Targets keep their order; ids become unique in the whole plan. */
export function mergeTargets(targets: readonly TargetPlan[]): Pick<BuildPlan, "stages" | "targets"> {
  const stages: PlannedStage[] = [];
  const idByContent = new Map<string, StageId>();
  const taken = new Set<StageId>();
  const merged = targets.map(({ platform, target, stages: own }) => {
    const newIds = new Map<StageId, StageId>();
    for (const stage of own) {
      const renamed = renameSources(stage, (id) => newIds.get(id) ?? id);
      const content = fingerprint(renamed);
      let id = idByContent.get(content);
      if (id === undefined) {
        id = freeId(taken, stage, platform);
        taken.add(id);
        idByContent.set(content, id);
        stages.push({ ...renamed, id });
      }
      newIds.set(stage.id, id);
    }
    return { platform, stage: newIds.get(target)! };
  });
  return { stages, targets: merged };
}

function freeId(taken: ReadonlySet<StageId>, stage: PlannedStage, target: TargetPlan["platform"]): StageId {
  const precise = samePlatform(stage.platform, target) ? stage.id : `${stage.id}->${formatPlatform(target)}`;
  const id = taken.has(stage.id) ? precise : stage.id;
  for (let number = 2, unique = id; ; number++) {
    if (!taken.has(unique)) return unique;
    unique = `${id}#${number}`;
  }
}

function renameSources(stage: PlannedStage, rename: (id: StageId) => StageId): PlannedStage {
  const renamed = <S extends FileSource>(source: S): S =>
    source.kind === "stage" ? { ...source, stage: rename(source.stage) } : source;
  const { base } = stage;
  return {
    ...stage,
    base: base.kind === "stage" ? { ...base, stage: rename(base.stage) } : base,
    steps: stage.steps.map((step): Step => {
      if (step.kind === "copy") return { ...step, from: renamed(step.from) };
      if (step.kind !== "run") return step;
      return {
        ...step,
        mounts: step.mounts.map((mount) => ("from" in mount ? { ...mount, from: renamed(mount.from) } : mount)),
      };
    }),
  };
}

/** Equal for stages that do the same. An image is its digest, of which the rest follows. */
function fingerprint({ id: _, ...stage }: PlannedStage): string {
  return JSON.stringify(stage, (key, value: unknown) => {
    const isImage = key === "image" && typeof value === "object" && value !== null && "descriptor" in value;
    return isImage ? (value.descriptor as { digest: string }).digest : value;
  });
}
