/** `--filter` of `prune` and `du`: what BuildKit calls the things of a build cache. */
import type { ItemKind } from "../../cache/keeping/inventory.js";
import { parseDuration } from "../../dockerfile/duration.js";
import { optionError } from "../option-error.js";

/** BuildKit's types of cache records, and which things of a store they are. */
const TYPES: ReadonlyMap<string, readonly ItemKind[]> = new Map<string, readonly ItemKind[]>([
  ["regular", ["layer", "blob", "unpacked", "record", "download", "log"]],
  ["source.local", ["context"]],
  ["source.git.checkout", ["git"]],
  ["exec.cachemount", ["cache-mount"]],
]);

export function typeOf(kind: ItemKind): string {
  return [...TYPES].find(([, kinds]) => kinds.includes(kind))?.[0] ?? kind;
}

export interface Filters {
  readonly kinds?: readonly ItemKind[];
  readonly unusedForMs?: number;
}

/** @throws OPTIONS_INVALID */
export function readFilters(texts: readonly string[]): Filters {
  let kinds: readonly ItemKind[] | undefined;
  let unusedForMs: number | undefined;
  for (const filter of texts) {
    const [, key = "", value = ""] = /^([^=]*)=(.*)$/s.exec(filter) ?? [];
    if (key === "until" || key === "unused-for") {
      const nanoseconds = parseDuration(value);
      if (typeof nanoseconds !== "number" || nanoseconds < 0) {
        throw optionError("--filter", `"--filter ${filter}" expected a duration`, "For example until=24h.");
      }
      unusedForMs = nanoseconds / 1e6;
    } else if (key === "type") {
      const named = TYPES.get(value);
      const known = `Expected one of ${[...TYPES.keys()].join(", ")}.`;
      if (named === undefined) throw optionError("--filter", `"--filter ${filter}" expected a type`, known);
      kinds = [...(kinds ?? []), ...named];
    } else {
      throw optionError("--filter", `"--filter ${filter}" is not supported`, "Expected until=DURATION or type=TYPE.");
    }
  }
  return { ...(kinds === undefined ? {} : { kinds }), ...(unusedForMs === undefined ? {} : { unusedForMs }) };
}
