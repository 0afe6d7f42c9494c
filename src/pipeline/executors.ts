/**
 * Which executor runs the commands of a build. Asked before the build starts, so that what cannot be done here is said
 * before any work is done (design, section 6).
 */
import { join } from "node:path";
import { OcibuildError } from "../errors.js";
import type { OnEvent } from "../events.js";
import type { Executor, ExecutorCapabilities, ExecutorProbe, Lack } from "../executor/contract.js";
import { formatPlatform, matchPlatform } from "../oci/platform.js";
import {
  type BuildPlan,
  firstRunStep,
  type PlannedMount,
  type PlannedStage,
  type RunStep,
} from "../plan/build-plan.js";
import { locate, type SourceText } from "../util/source-text.js";
import type { RunOptions } from "./run-options.js";

export interface ExecutorOptions {
  /** Folder of the store: what an executor keeps from build to build is below it. */
  readonly root: string;
  /** Environment of this process: where programs are looked for. Commands see nothing of it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onEvent: OnEvent;
  readonly signal: AbortSignal;
}

export interface Selection extends AsyncDisposable {
  readonly executor: Executor;
}

/** An executor's name and why it cannot work. */
export type Refusal = readonly [name: string, probe: ExecutorProbe & { readonly usable: false }];

type Make = (options: ExecutorOptions) => Promise<Executor>;

/** Where prepared layers and cache mounts are, for all executors that run over overlays of them. */
const overlayState = (root: string): string => join(root, "executors", "overlay");

/** All that this version has. */
const EXECUTORS: ReadonlyMap<string, Make> = new Map<string, Make>([
  [
    "runc",
    async ({ root }) => {
      const { createRuncExecutor } = await import("../executor/runc/runc-executor.js");
      return createRuncExecutor({ stateDir: overlayState(root) });
    },
  ],
  [
    "namespaces",
    async ({ root }) => {
      const { createNamespacesExecutor } = await import("../executor/namespaces/namespaces-executor.js");
      return createNamespacesExecutor({ stateDir: overlayState(root) });
    },
  ],
  [
    "chroot",
    async ({ root }) => {
      const { createChrootExecutor } = await import("../executor/chroot/chroot-executor.js");
      return createChrootExecutor({ stateDir: join(root, "executors", "chroot") });
    },
  ],
  [
    "buildkit",
    async ({ root, env }) => {
      const { createBuildkitExecutor } = await import("../executor/buildkit/buildkit-executor.js");
      return createBuildkitExecutor({ stateDir: join(root, "executors", "buildkit"), env });
    },
  ],
  [
    "docker",
    async ({ root, env }) => {
      const { createDockerExecutor } = await import("../executor/docker/docker-executor.js");
      return createDockerExecutor({ stateDir: join(root, "executors", "docker"), env });
    },
  ],
]);

/**
 * What `auto` tries, strongest first; never anything weaker than these. An engine is asked for by name where this
 * machine can run commands itself.
 */
const AUTOMATIC: readonly string[] = process.platform === "linux" ? ["runc", "namespaces"] : ["docker"];

/** Weaker than those: never taken, but named where none of them works and it does. */
const LAST_RESORT = "chroot";

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

/** What an executor is wanted for. */
export interface ExecutorDemand {
  /** @throws EXECUTOR_UNSUPPORTED when it lacks something */
  assertCapable(name: string, capabilities: ExecutorCapabilities): void;
  /** The error when none works here; `advice` says what could be asked for instead. */
  noneUsable(refused: readonly Refusal[], advice: readonly string[]): OcibuildError;
}

/**
 * The executor that is wanted, or the strongest that works here. One that the caller has made is the caller's to dispose of.
 * @throws what `demand` throws, OPTIONS_INVALID for an unknown name; the signal's reason
 */
export async function chooseExecutor(
  wanted: string | Executor,
  demand: ExecutorDemand,
  options: ExecutorOptions,
): Promise<Selection> {
  if (typeof wanted !== "string") {
    const probe = await wanted.probe({ signal: options.signal });
    if (!probe.usable) throw demand.noneUsable([[wanted.name, probe]], []);
    demand.assertCapable(wanted.name, probe.capabilities);
    return { executor: wanted, [Symbol.asyncDispose]: async () => {} };
  }
  const names = wanted === "auto" ? AUTOMATIC.filter((name) => EXECUTORS.has(name)) : wanted === "none" ? [] : [wanted];
  const refused: Refusal[] = [];
  for (const name of names) {
    const make = EXECUTORS.get(name);
    if (make === undefined) throw unknownExecutor(name);
    const executor = await make(options);
    try {
      const probe = await executor.probe({ signal: options.signal });
      if (probe.usable) {
        demand.assertCapable(name, probe.capabilities);
        return {
          executor: noting(executor, notesOf(probe.note, refused), options.onEvent),
          [Symbol.asyncDispose]: () => executor[Symbol.asyncDispose](),
        };
      }
      refused.push([name, probe]);
    } catch (error) {
      await executor[Symbol.asyncDispose]();
      throw error;
    }
    await executor[Symbol.asyncDispose]();
  }
  throw demand.noneUsable(refused, wanted === "auto" ? await lastResort(options) : []);
}

/** Advice to take the executor that would work here if it was asked for. */
async function lastResort(options: ExecutorOptions): Promise<readonly string[]> {
  await using executor = await EXECUTORS.get(LAST_RESORT)!(options);
  const { usable } = await executor.probe({ signal: options.signal });
  return usable
    ? [`take --executor ${LAST_RESORT}, which works here: it is no boundary, so only if you trust the build`]
    : [];
}

/** What the executor says of itself, and what would have let a stronger one work. */
function notesOf(note: string | undefined, refused: readonly Refusal[]): string | undefined {
  const stronger = refused.map(
    ([name, { reason, hint }]) => `"${name}" would be stronger: ${reason}${hint === undefined ? "" : ` ${hint}`}`,
  );
  const notes = [...(note === undefined ? [] : [note]), ...stronger];
  return notes.length === 0 ? undefined : notes.join(" ");
}

/** `executor`, which says once what `note` has to say: when it runs a command, not when all comes from the cache. */
function noting(executor: Executor, note: string | undefined, onEvent: OnEvent): Executor {
  if (note === undefined) return executor;
  let isSaid = false;
  return {
    name: executor.name,
    probe: (options) => executor.probe(options),
    run: (spec, io) => {
      if (!isSaid) onEvent({ type: "warning", message: `executor "${executor.name}": ${note}` });
      isSaid = true;
      return executor.run(spec, io);
    },
    [Symbol.asyncDispose]: () => executor[Symbol.asyncDispose](),
  };
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
  return new OcibuildError("EXECUTOR_NONE", `"${step.createdBy}" cannot be run: ${why}`, {
    details: { line: location.line },
    location,
    hint:
      hints.length > 0
        ? hints.join("; or ")
        : "build what RUN makes outside of the image and COPY it in, or start from an image that has it",
  });
}

function unknownExecutor(name: string): OcibuildError<"OPTIONS_INVALID"> {
  const known = ["auto", ...EXECUTORS.keys(), "none"];
  return new OcibuildError("OPTIONS_INVALID", `executor "${name}" is not known`, {
    details: { option: "executor" },
    hint: `Expected one of ${known.join(", ")}.`,
  });
}
