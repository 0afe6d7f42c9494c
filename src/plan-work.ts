/** What a build is going to do, all questions answered but who runs commands: for building it, and for showing it. */
import { DEFAULT_GZIP_LEVEL } from "./compression/compression.js";
import { OcibuildError } from "./errors.js";
import type { Executor } from "./executor/contract.js";
import { parsePlatform } from "./oci/platform.js";
import type { BuildOptions } from "./options.js";
import { explainPolicy, reusePolicy } from "./pipeline/cache-policy.js";
import type { RunOptions as ExecutionOptions } from "./pipeline/execute.js";
import { assertKnownExecutor } from "./pipeline/executors.js";
import { type PlannedOutput, planOutputs } from "./pipeline/exporters.js";
import { refuseUnallowed } from "./pipeline/plan-executor.js";
import { allowed, executionSettings } from "./pipeline/run-options.js";
import { timePolicy } from "./pipeline/source-date.js";
import { planBuild } from "./plan/plan-build.js";
import { type Front, type Surroundings, warningEvent } from "./prepare.js";

export interface PlannedWork extends Omit<ExecutionOptions, "execution" | "onEvent" | "nowMs" | "signal"> {
  /** What every command gets. */
  readonly settings: ReturnType<typeof executionSettings>;
}

/** In the place of an executor where nothing runs. */
export const noExecutor = (): Promise<Executor> => Promise.reject(new Error("nothing is run"));

/** Where the result goes; nothing is opened yet. @throws OUTPUT_INVALID, OPTIONS_INVALID */
export function outputsOf(
  options: BuildOptions,
  { cwd, store, registries, env }: Surroundings,
): readonly PlannedOutput[] {
  return planOutputs({
    outputs: options.outputs ?? [],
    tags: options.tags ?? [],
    push: options.push ?? false,
    compression: options.compression ?? { kind: "gzip", level: DEFAULT_GZIP_LEVEL },
    annotations: options.annotations ?? {},
    cwd,
    stdout: options.stdout ?? process.stdout,
    store,
    client: registries.client,
    env,
  });
}

/** @throws what planning throws, OPTIONS_INVALID */
export async function planWork(
  surroundings: Surroundings,
  front: Front,
  options: BuildOptions,
  outputs: readonly PlannedOutput[],
): Promise<PlannedWork> {
  const { store, remote, onEvent, startedMs, signal } = surroundings;
  const { contexts, main, source, sources, project } = front;
  const plan = await planBuild({
    ...front.input,
    platforms: (options.platforms ?? []).map((platform) => parsePlatform(platform)),
    labels: new Map(Object.entries(options.labels ?? {})),
    onWarning: (warning) => onEvent(warningEvent(source, warning)),
  });
  assertKnownExecutor(options.executor);
  refuseUnallowed(plan, source, allowed(options), options.network);
  const reproducible = options.reproducible ?? false;
  const commit = reproducible ? main.git : undefined;
  const times = timePolicy({
    reproducible,
    epochSeconds: options.sourceDateEpoch ?? epochArgument(options.buildArgs?.["SOURCE_DATE_EPOCH"]),
    clampFiles: outputs.some(({ spec }) => "image" in spec && spec.image.rewriteTimestamp === true),
    contextRoot: main.root,
    contextSeconds: commit && (await remote.gitTime(commit, "user", { signal })),
    searchPath: surroundings.searchPath,
    nowSeconds: Math.floor(startedMs / 1000),
  });
  return {
    store,
    plan,
    source,
    contexts,
    remote,
    mainTree: main.tree,
    sources,
    outputs,
    times,
    mayReuse: reusePolicy(options.noCache),
    explains: explainPolicy(options),
    project,
    settings: executionSettings(options, options.buildArgs),
  };
}

/** @throws OPTIONS_INVALID */
function epochArgument(text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  if (/^-?[0-9]{1,13}$/.test(text)) return Number(text);
  throw new OcibuildError("OPTIONS_INVALID", `SOURCE_DATE_EPOCH expected whole seconds since 1970 but got "${text}"`, {
    details: { option: "SOURCE_DATE_EPOCH" },
  });
}
