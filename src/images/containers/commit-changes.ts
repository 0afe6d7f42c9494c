/** `--change` of `commit`: Dockerfile instructions that change a config, applied as a build applies them. */
import { parseDockerfile } from "../../dockerfile/parse.js";
import { OcibuildError } from "../../errors.js";
import { assembleImage } from "../../oci/assemble-image.js";
import type { ExecutionConfig, Platform } from "../../oci/types.js";
import { planBuild } from "../../plan/plan-build.js";

/** As docker has it. */
const ALLOWED: ReadonlySet<string> = new Set([
  ...[
    "CMD",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "HEALTHCHECK",
    "LABEL",
    "ONBUILD",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
  ],
]);

/** `config` after the instructions in `changes`. @throws OPTIONS_INVALID, DOCKERFILE_INVALID, PLAN_INVALID */
export async function changedConfig(
  config: ExecutionConfig,
  platform: Platform,
  changes: readonly string[],
): Promise<ExecutionConfig> {
  if (changes.length === 0) return config;
  const dockerfile = parseDockerfile({ name: "--change", text: ["FROM container", ...changes, ""].join("\n") });
  for (const { instructions } of dockerfile.stages) {
    const wrong = instructions.find(({ kind }) => !ALLOWED.has(kind));
    if (wrong === undefined) continue;
    throw new OcibuildError("OPTIONS_INVALID", `${wrong.kind} is not a valid change command`, {
      details: { option: "--change" },
      hint: `There are ${[...ALLOWED].join(", ")}.`,
    });
  }
  if (dockerfile.stages.length > 1) {
    throw new OcibuildError("OPTIONS_INVALID", "FROM is not a valid change command", {
      details: { option: "--change" },
    });
  }
  // Triggers of the image are for builds upon it.
  const { OnBuild: triggers = [], ...rest } = config;
  const base = assembleImage({ config: { ...platform, config: rest }, layers: [], history: [], mediaTypes: "oci" });
  const plan = await planBuild({
    dockerfile,
    buildPlatform: platform,
    platforms: [platform],
    buildArgs: new Map(),
    namedContexts: new Map(),
    labels: new Map(),
    resolver: { resolve: async () => base },
  });
  const planned = plan.stages.at(-1)!.config.config;
  const onBuild = [...triggers, ...(planned.OnBuild ?? [])];
  return { ...planned, ...(onBuild.length === 0 ? {} : { OnBuild: onBuild }) };
}
