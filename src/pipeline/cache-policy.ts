/** `--no-cache` and `--no-cache-filter`: for which stages results of earlier builds are taken. */
import type { PlannedStage } from "../plan/build-plan.js";

/** @param noCache `true` for no stage at all, or the names (or indexes) of stages that are built anew */
export function reusePolicy(noCache: boolean | readonly string[] | undefined): (stage: PlannedStage) => boolean {
  if (noCache === undefined || typeof noCache === "boolean") return () => noCache !== true;
  const names = new Set(noCache.map((name) => name.toLowerCase()));
  return ({ name, index }) => !names.has(String(index)) && (name === undefined || !names.has(name.toLowerCase()));
}
