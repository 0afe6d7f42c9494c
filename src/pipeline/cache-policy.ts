/** What a build is told of the cache: for which stages results of earlier builds are taken, and what is said of misses. */
import { OcibuildError } from "../errors.js";
import type { RunContext } from "../layers/run-context.js";
import type { PlannedStage } from "../plan/build-plan.js";

/** @param noCache `true` for no stage at all, or the names (or indexes) of stages that are built anew */
export function reusePolicy(noCache: boolean | readonly string[] | undefined): (stage: PlannedStage) => boolean {
  if (noCache === undefined || typeof noCache === "boolean") return () => noCache !== true;
  const names = new Set(noCache.map((name) => name.toLowerCase()));
  return ({ name, index }) => !names.has(String(index)) && (name === undefined || !names.has(name.toLowerCase()));
}

export interface ExplainOptions {
  readonly explain?: boolean;
  readonly requireCache?: boolean;
  readonly noCache?: boolean | readonly string[];
}

/** @throws OPTIONS_INVALID when nothing may come from the cache and all has to */
export function explainPolicy({ explain, requireCache, noCache }: ExplainOptions): RunContext["explains"] {
  if (requireCache !== true) return explain === true ? "misses" : "nothing";
  if (noCache === undefined || noCache === false || (noCache !== true && noCache.length === 0)) return "and-fails";
  throw new OcibuildError("OPTIONS_INVALID", "requireCache and noCache contradict each other", {
    details: { option: "requireCache" },
    hint: "Leave one of them out.",
  });
}
