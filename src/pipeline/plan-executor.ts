/**
 * The executor of a build. Looked for as soon as it is known that a command has to run, beside the work that is done before
 * it; a build that comes from the cache needs none (design, section 6).
 */
import { OcibuildError } from "../errors.js";
import type { Executor, ExecutorCapabilities, Lack } from "../executor/contract.js";
import { instructionText } from "../layers/explain/step-title.js";
import { formatPlatform, matchPlatform } from "../oci/platform.js";
import {
  type BuildPlan,
  firstRunStep,
  type PlannedMount,
  type PlannedStage,
  type RunStep,
} from "../plan/build-plan.js";
import { locate, type SourceText } from "../util/source-text.js";
import { chooseExecutor, type ExecutorDemand, type Refusal, type Selection } from "./choose-executor.js";
import type { ExecutorOptions } from "./executors.js";
import type { RunOptions } from "./run-options.js";

/** What of the build's options decides whether an executor will do. */
export interface Wanted extends RunOptions {
  readonly secrets?: Readonly<Record<string, unknown>>;
  readonly buildArgs?: Readonly<Record<string, string>>;
}

/** @throws PLAN_UNSUPPORTED when a command wants more of the host than the build allows it */
export function refuseUnallowed(
  plan: BuildPlan,
  source: SourceText,
  allow: ReadonlySet<string>,
  network: RunOptions["network"],
): void {
  for (const { step } of runSteps(plan)) {
    const wanted = [
      ...(networkOf(step, network) === "host" ? ["network.host"] : []),
      ...(step.security === "insecure" ? ["security.insecure"] : []),
    ].find((entitlement) => !allow.has(entitlement));
    if (wanted === undefined) continue;
    throw new OcibuildError("PLAN_UNSUPPORTED", `${wanted} is not allowed`, {
      details: { feature: wanted },
      location: locate(source, step.span),
      hint: `this lets the command reach beyond its sandbox: say --allow ${wanted} if you trust it`,
    });
  }
}

/**
 * The executor for `plan`, which has RUN steps. One that the caller has made is the caller's to dispose of.
 * @throws EXECUTOR_NONE, EXECUTOR_UNSUPPORTED, OPTIONS_INVALID; the signal's reason
 */
export async function selectExecutor(
  plan: BuildPlan,
  source: SourceText,
  run: Wanted,
  options: ExecutorOptions,
): Promise<Selection> {
  const demand: ExecutorDemand = {
    assertCapable: (name, capabilities) => assertCapable(plan, source, run, name, capabilities),
    noneUsable: (refused, advice) => unusable(plan, source, refused, advice),
  };
  return chooseExecutor(run.executor ?? "auto", demand, options);
}

/** An executor that is looked for when it is first asked for, and not at all where everything comes from the cache. */
export class ExecutorOnDemand implements AsyncDisposable {
  readonly #select: () => Promise<Selection>;
  #selection: Promise<Selection> | undefined;

  /** @param select is called once at most */
  constructor(select: () => Promise<Selection>) {
    this.#select = select;
  }

  /** @throws what looking for one throws */
  readonly executor = async (): Promise<Executor> => {
    this.#selection ??= this.#select();
    return (await this.#selection).executor;
  };

  async [Symbol.asyncDispose](): Promise<void> {
    const selection = await this.#selection?.catch(() => undefined);
    await selection?.[Symbol.asyncDispose]();
  }
}

function* runSteps(plan: BuildPlan): Generator<{ readonly stage: PlannedStage; readonly step: RunStep }> {
  for (const stage of plan.stages) {
    for (const step of stage.steps) if (step.kind === "run") yield { stage, step };
  }
}

function networkOf(step: RunStep, network: RunOptions["network"]): RunStep["network"] {
  return step.network === "default" ? (network ?? "default") : step.network;
}

/** @throws EXECUTOR_UNSUPPORTED */
function assertCapable(
  plan: BuildPlan,
  source: SourceText,
  run: Wanted,
  executor: string,
  capabilities: ExecutorCapabilities,
): void {
  for (const { stage, step } of runSteps(plan)) {
    const feature = missing(stage, step, run, capabilities);
    if (feature === undefined) continue;
    throw new OcibuildError("EXECUTOR_UNSUPPORTED", `the executor "${executor}" cannot run this here: ${feature}`, {
      details: { executor, feature },
      location: locate(source, step.span),
      hint: 'take another executor with --executor, or none of what it lacks; "auto" takes the strongest',
    });
  }
}

const ROOT_USER = /^(?:root|0)?(?::(?:root|0)?)?$/;

/** What the step needs and the executor lacks. */
function missing(
  stage: PlannedStage,
  step: RunStep,
  run: Wanted,
  capabilities: ExecutorCapabilities,
): string | undefined {
  if (!capabilities.platforms.some((machine) => matchPlatform(stage.platform, machine) !== undefined)) {
    return `programs for ${formatPlatform(stage.platform)} (register an emulator with binfmt_misc to run them)`;
  }
  const network = networkOf(step, run.network);
  if (!capabilities.networks.includes(network)) return `--network=${network}`;
  if (!capabilities.securities.includes(step.security)) return `--security=${step.security}`;
  for (const { type } of step.mounts) if (!capabilities.mounts.includes(type)) return `--mount=type=${type}`;
  if (step.files.length > 0 && !capabilities.mounts.includes("file")) return "a program from a heredoc";
  if (capabilities.ids === "root" && !ROOT_USER.test(step.user)) {
    return `the user "${step.user}", as no user but root exists (give this account ids in /etc/subuid and /etc/subgid)`;
  }
  const lacking = lacked(step, run, capabilities.lacks ?? []);
  if (lacking !== undefined) return lacking;
  const limits = (run.ulimits?.length ?? 0) > 0 || (run.shmSize ?? 0) > 0;
  return limits && !capabilities.limits ? "--ulimit and --shm-size" : undefined;
}

/** What of `lacks` the step, or the build for all steps, asks for by name. */
function lacked({ mounts }: RunStep, run: Wanted, lacks: readonly Lack[]): string | undefined {
  const { secrets = {}, shmSize = 0, buildArgs = {} } = run;
  const isFile = (mount: PlannedMount): boolean =>
    mount.type === "secret" && mount.target !== undefined && Object.hasOwn(secrets, mount.id);
  const wanted: Readonly<Partial<Record<Lack, string | false>>> = {
    "secret-files":
      mounts.some(isFile) && "a secret as a file, which would be on a disk (env=NAME gives it as a variable)",
    "tmpfs-size": mounts.some((mount) => mount.type === "tmpfs" && mount.sizeBytes !== undefined) && "size= of a tmpfs",
    "shm-size": shmSize > 0 && "--shm-size",
    hostname: (buildArgs["BUILDKIT_SANDBOX_HOSTNAME"] ?? "") !== "" && "BUILDKIT_SANDBOX_HOSTNAME",
  };
  return lacks.map((lack) => wanted[lack]).find((words) => typeof words === "string");
}

function unusable(
  plan: BuildPlan,
  source: SourceText,
  refused: readonly Refusal[],
  advice: readonly string[] = [],
): OcibuildError<"EXECUTOR_NONE"> {
  const { step } = firstRunStep(plan)!;
  const location = locate(source, step.span);
  const reasons = refused.map(([name, { reason }]) => `${name}: ${reason}`);
  const why = reasons.length === 0 ? "there is no executor" : `no executor works here (${reasons.join("; ")})`;
  const hints = [...refused.flatMap(([, { hint }]) => hint?.replace(/\.$/, "") ?? []), ...advice];
  return new OcibuildError("EXECUTOR_NONE", `"${instructionText(step)}" cannot be run: ${why}`, {
    details: { line: location.line },
    location,
    hint:
      hints.length > 0
        ? hints.join("; or ")
        : "build what RUN makes outside of the image and COPY it in, or start from an image that has it",
  });
}
