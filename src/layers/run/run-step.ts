/** RUN steps: what is looked for, and if there is none, an executor that runs the command and what seals its changes. */

import type { StepFileGroup } from "../../cache/step-files.js";
import { OcibuildError } from "../../errors.js";
import type { RunIO, RunSpec } from "../../executor/contract.js";
import type { DiffId } from "../../oci/digest.js";
import type { RunStep } from "../../plan/steps/run.js";
import { untilAborted } from "../../util/until-aborted.js";
import type { StageLayers } from "../copy/stage-files.js";
import type { FilePlace } from "../explain/compare-files.js";
import { stageLabel } from "../explain/step-title.js";
import { FsEdit } from "../fs/fs-edit.js";
import { FsTree } from "../fs/fs-tree.js";
import type { RunContext } from "../run-context.js";
import { sealEdit } from "../seal/seal-edit.js";
import type { StepOptions, StepWork } from "../step-layer.js";
import { stepShape } from "../step-shape.js";
import { applyChangeset, readChangeset } from "./changeset.js";
import { shareCaches } from "./run-caches.js";
import { CHANGESET_LIMIT_BYTES } from "./run-execution.js";
import { runFailed } from "./run-failure.js";
import { DEFAULT_PATH, makeWorkdir, userOf } from "./run-ground.js";
import { type ExecutorMounts, executorMounts, RunMount, rootFilesOf } from "./run-mounts.js";
import { type PassOutput, RunOutput } from "./run-output.js";

export interface RunStepOptions extends StepOptions {
  /** Told what the command prints, as it comes. */
  readonly onOutput: PassOutput;
  /** Told of the file that holds all that the command printed, however it ended. */
  readonly onLog: (path: string) => void;
}

/**
 * The work of a RUN step. Making its layer throws RUN_FAILED, LAYER_UNKNOWN_USER, LAYER_COPY, OPTIONS_INVALID, EXECUTOR_…,
 * LIMIT_EXCEEDED; the signal's reason.
 */
export async function runWork(
  run: RunContext,
  step: RunStep,
  parent: readonly DiffId[],
  stageLayers: StageLayers,
  options: RunStepOptions,
): Promise<StepWork> {
  const mounts: RunMount[] = [];
  for (const planned of step.mounts) mounts.push(await RunMount.open(run, planned, stageLayers));
  return {
    shape: stepShape(step, options.platform, run),
    parent,
    mayReuse: options.mayReuse,
    source: mounts.map(({ source }) => source).join("\n"),
    place: options.place,
    about: {
      buildArgs: step.buildArgs,
      place: (target) => placeOfMount(run, mounts, target),
      sourceNames: [],
    },
    inputs: async (use) => {
      const digests: string[] = [];
      for (const mount of mounts) digests.push((await mount.digest(use)) ?? "");
      return digests;
    },
    files: async () => {
      const groups: StepFileGroup[] = [];
      for (const mount of mounts) {
        const files = await mount.stepFiles();
        if (files !== undefined) groups.push({ name: mount.target, files });
      }
      return groups;
    },
    make: () => runCommand(run, step, parent, mounts, options),
  };
}

function placeOfMount(run: RunContext, mounts: readonly RunMount[], target: string): FilePlace {
  const mount = mounts.find((candidate) => candidate.target === target);
  const hasFiles = mount !== undefined && "from" in mount.planned;
  const { top, name } = hasFiles ? run.trail.placeOf(mount.planned.from) : { top: "", name: "" };
  return { top, name: `${name} (mounted at ${target})` };
}

async function runCommand(
  run: RunContext,
  step: RunStep,
  parent: readonly DiffId[],
  mounts: readonly RunMount[],
  options: RunStepOptions,
): Promise<DiffId> {
  const { execution } = run;
  // Before anything is fetched for it: where no command can be run, that is said first.
  const executor = await execution.executor();
  const base = await run.layers.tree(parent, run);
  const edit = new FsEdit(base);
  const rootfs = [...parent];
  if (makeWorkdir(run, edit, step.cwd)) {
    // The command needs it there, and it is a part of what the step changes.
    const before = new FsEdit(base);
    makeWorkdir(run, before, step.cwd);
    rootfs.push(await sealEdit(run, before, { compression: undefined }));
  }
  const user = await userOf(run, new FsTree(edit.root, base.label), step);
  const given = await executorMounts(mounts, execution);
  const spec: RunSpec = {
    rootfs: rootFilesOf(rootfs),
    platform: options.platform,
    args: step.args as RunSpec["args"],
    env: environment(step, given, user.home),
    cwd: step.cwd,
    user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
    mounts: [
      ...given.mounts,
      ...step.files.map(({ path, content }) => ({ type: "file", target: path, content, mode: 0o755 }) as const),
    ],
    network: step.network === "default" ? execution.network : step.network,
    security: step.security,
    hostname: execution.hostname,
    hosts: execution.hosts,
    shmSizeBytes: execution.shmSizeBytes,
    ulimits: execution.ulimits,
    changesetLimitBytes: CHANGESET_LIMIT_BYTES,
  };
  const isMounted = (type: "secret" | "ssh", id: string): boolean =>
    spec.mounts.some((mount) => mount.type === type && mount.id === id);
  await shareCaches(run, executor, given.caches);
  const { trail, index } = options.place;
  const log = run.store.logs.start(`${stageLabel(trail.stage)}-${index + 1}`);
  const output = new RunOutput(log, options.onOutput);
  const io: RunIO = {
    signal: run.signal,
    openLayer: (diffId, reading) => run.layers.openLayer(diffId, { ...reading, signal: run.signal }),
    readSecret: async (id) => {
      const value = isMounted("secret", id) ? await execution.secret(id) : undefined;
      if (value === undefined) throw notAsked(executor.name, `the secret "${id}"`);
      output.hide(value);
      return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    },
    sshSocket: (id) => {
      const path = isMounted("ssh", id) ? execution.sshSocket(id) : undefined;
      if (path === undefined) throw notAsked(executor.name, `the agent "${id}"`);
      return path;
    },
    onOutput: (stream, chunk) => {
      const taken = output.take(stream, chunk);
      return taken instanceof Promise ? untilAborted(taken, run.signal) : undefined;
    },
  };
  let logFile: string | undefined;
  const outcome = await executor.run(spec, io).finally(() => {
    logFile = output.end();
    if (logFile !== undefined) options.onLog(logFile);
  });
  run.signal.throwIfAborted();
  if (outcome.changeset === null) throw runFailed(step.args, outcome, output.tail(), logFile);
  const limitBytes = CHANGESET_LIMIT_BYTES;
  const changeset = await readChangeset(run, outcome.changeset, { executor: executor.name, limitBytes });
  applyChangeset(edit, changeset, executor.name);
  return sealEdit(run, edit, options);
}

/** The whole environment: of equal names the first counts. */
function environment(step: RunStep, { env, defaults }: ExecutorMounts, home: string): readonly string[] {
  const found = new Map<string, string>();
  const all = [...env, ...step.env, ...step.proxyEnv, ...defaults, `PATH=${DEFAULT_PATH}`, `HOME=${home}`];
  for (const variable of all) {
    const name = variable.split("=", 1)[0]!;
    if (!found.has(name)) found.set(name, variable);
  }
  return [...found.values()];
}

function notAsked(executor: string, what: string): OcibuildError<"EXECUTOR_FAILED"> {
  return new OcibuildError("EXECUTOR_FAILED", `the executor "${executor}" asked for ${what}, which no mount names`, {
    details: { executor },
  });
}
