/** `--executor` of `prune` and `du`: what an executor keeps elsewhere than in the store. */
import type { KeptChoice, KeptInEngine } from "../../executor/docker/kept.js";
import type { Io } from "../io.js";
import { optionError } from "../option-error.js";
import { type TextDefinition, text } from "../options/define-options.js";
import { readFilters } from "./filters.js";

export const EXECUTOR: TextDefinition = text({
  placeholder: "name",
  help: "What this executor keeps in its engine (docker), and not the store",
});

/** Opens the engine of `executor`. @throws OPTIONS_INVALID, EXECUTOR_FAILED */
export async function openKept(
  io: Io,
  executor: string,
  options: Readonly<Record<string, unknown>>,
): Promise<KeptInEngine> {
  if (executor !== "docker") {
    const hint =
      executor === "buildkit"
        ? "A builder has its own: docker buildx prune, or buildctl prune."
        : "Without --executor it is the store.";
    throw optionError("--executor", `"--executor ${executor}" keeps nothing in an engine`, hint);
  }
  for (const [option, value] of Object.entries(options)) {
    if (value === undefined) continue;
    throw optionError(
      option,
      `"${option}" is about the store, and "--executor ${executor}" about an engine`,
      "Leave one out.",
    );
  }
  const { KeptInEngine } = await import("../../executor/docker/kept.js");
  return KeptInEngine.open(io.env);
}

/** What `--filter` chooses. An engine does not say when something was used, so `until` counts from when it was made. */
export function readChoice(filters: readonly string[], usual: KeptChoice["kinds"]): KeptChoice {
  const { kinds, unusedForMs } = readFilters(filters);
  const all: KeptChoice["kinds"] = ["unpacked", "cache-mount"];
  return { kinds: kinds === undefined ? usual : all.filter((kind) => kinds.includes(kind)), olderThanMs: unusedForMs };
}
