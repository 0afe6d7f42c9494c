/** The answer of `--call targets`, as docker buildx prints it. */
import type { TargetsResult } from "../../call.js";
import { formatTable } from "./format-table.js";
import { jsonData, jsonLocation } from "./json-location.js";

/** A table of all stages. */
export function formatTargets({ targets }: TargetsResult): string {
  const rows = targets.map(({ name, isDefault, description }) => {
    const mark = isDefault ? "(default)" : "";
    return [[name ?? "", mark].filter((part) => part !== "").join(" "), description ?? ""];
  });
  return formatTable([["TARGET", "DESCRIPTION"], ...rows], 1);
}

/** The answer with the keys of BuildKit's; what is empty is left out. */
export function targetsJson({ targets, source }: TargetsResult): object {
  return {
    targets: targets.map(({ name, isDefault, description, base, platform, lines }) => ({
      name,
      ...(isDefault ? { default: true } : {}),
      description,
      base,
      platform: platform === "" ? undefined : platform,
      location: jsonLocation(lines),
    })),
    sources: [jsonData(source)],
  };
}
