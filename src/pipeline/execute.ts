/** One attempt to run a plan and to write its outputs. What it opened is closed when it ends, whatever became of it. */
import { setMaxListeners } from "node:events";
import type { Store } from "../cache/store.js";
import type { OnEvent } from "../events.js";
import { BuildTrail } from "../layers/explain/build-trail.js";
import { LayerStore } from "../layers/layer-store.js";
import { type LookedUpStage, lookUpPlan } from "../layers/look-up-plan.js";
import { mustRun } from "../layers/run/must-run.js";
import type { RunExecution } from "../layers/run/run-execution.js";
import type { RunContext } from "../layers/run-context.js";
import { runPlan } from "../layers/run-plan.js";
import type { StageResult } from "../layers/run-stage.js";
import type { TimePolicy } from "../layers/times.js";
import type { BlobReader } from "../oci/blobs.js";
import type { BuildPlan, PlannedStage } from "../plan/build-plan.js";
import type { RegistryClient } from "../registry/client.js";
import type { FileTree } from "../tree/file-tree.js";
import type { SourceText } from "../util/source-text.js";
import { CompressBehind } from "./compress-behind.js";
import type { Contexts } from "./contexts.js";
import type { PlannedOutput } from "./exporters.js";
import type { ImageSources } from "./image-sources.js";
import { PushAhead } from "./push-ahead.js";
import type { RemoteSources } from "./remote-sources.js";
import type { PlannedCaches } from "./shared-caches.js";
import { Temporaries } from "./temporaries.js";
import { sourcedBlobs, type WriteOutputsInput, type WrittenOutputs, writeOutputs } from "./write-outputs.js";

export interface RunOptions {
  readonly store: Store;
  readonly plan: BuildPlan;
  readonly source: SourceText;
  readonly contexts: Contexts;
  readonly remote: RemoteSources;
  /** The tree of the main context. */
  readonly mainTree: FileTree;
  readonly sources: ImageSources;
  readonly outputs: readonly PlannedOutput[];
  readonly times: TimePolicy;
  readonly execution: RunExecution;
  /** Whether records may answer for steps of this stage. */
  readonly mayReuse: (stage: PlannedStage) => boolean;
  readonly explains: RunContext["explains"];
  /** Identifies what is built from where, for what earlier builds of it did. */
  readonly project: string;
  readonly caches?: PlannedCaches | undefined;
  readonly onEvent: OnEvent;
  readonly nowMs: () => number;
  readonly signal: AbortSignal;
}

export interface ExecuteOptions extends RunOptions {
  readonly cwd: string;
  readonly client: () => Promise<RegistryClient>;
  /** Told when everything is built and the outputs are next. */
  readonly onBuilt?: () => void;
}

/** @throws what the steps and the outputs throw; the signal's reason. Nothing works on in the background then. */
export function execute(options: ExecuteOptions): Promise<WrittenOutputs> {
  const { plan, contexts, sources, outputs } = options;
  return withRun(options, async (shared, cancel) => {
    const { compression, signal } = shared;
    const blobs = (): BlobReader => sourcedBlobs(shared, sources);
    await using ahead = new PushAhead({ outputs, compression, blobs, origins: sources.origins, signal });
    const onSealed = ahead.pushSealed;
    await using behind = compression && new CompressBehind({ run: shared, compression, onSealed });
    const run: RunContext = { ...shared, onSealed, ...(behind && { compressLater: behind.add }) };
    ahead.pushBases(plan);
    options.caches?.shared.begin();
    // Side by side with the steps before it, and none of them goes on for nothing where no command can be run.
    if (mustRun(run, plan)) run.execution.executor().catch(cancel);
    let results: ReadonlyMap<string, StageResult>;
    try {
      results = await runPlan(run, plan, cancel);
    } finally {
      // What was learnt of the files holds whatever became of the build.
      contexts.saveStats();
      run.trail.save();
    }
    await behind?.finish();
    options.onBuilt?.();
    const { caches } = options;
    // Awaited: what is on its way to a registry ends when the outputs are written, not before.
    if (caches === undefined) return await writeOutputs({ run, plan, results, outputs, sources });
    return await writeAll({ run, plan, results, outputs, sources }, caches, options);
  });
}

/** Writes the outputs, and then the caches that others read. */
async function writeAll(
  input: WriteOutputsInput,
  caches: PlannedCaches,
  { cwd, client }: Pick<ExecuteOptions, "cwd" | "client">,
): Promise<WrittenOutputs> {
  const { run, plan, results, outputs, sources } = input;
  const { exportCaches, inlineExtra } = await import("./shared-caches.js");
  const configExtra = inlineExtra(caches);
  const written = await writeOutputs({ ...input, ...(configExtra === undefined ? {} : { configExtra }) });
  await exportCaches({
    run,
    targets: caches.targets,
    access: caches.access,
    cwd,
    client,
    imageLayers: new Set(plan.targets.flatMap(({ stage }) => results.get(stage)!.diffIds)),
    compression: outputs[0]!.form.compression,
    repositories: ({ digest }) => [
      ...outputs.flatMap(({ spec, names }) => (spec.type === "image" && spec.push ? names : [])),
      ...(sources.origins.get(digest) ?? []),
    ],
  });
  return written;
}

/** What the plan would find in the cache; nothing is made. @throws what reading what the steps read throws */
export function lookUpSteps(options: RunOptions): Promise<readonly LookedUpStage[]> {
  return withRun(options, async (run) => {
    try {
      return await lookUpPlan(run, options.plan);
    } finally {
      options.contexts.saveStats();
    }
  });
}

/** Opens what steps need, for `use`. */
async function withRun<T>(
  options: RunOptions,
  use: (run: RunContext, cancel: (reason: unknown) => void) => Promise<T>,
): Promise<T> {
  const { store, plan, contexts, remote, mainTree, sources, outputs } = options;
  const abort = new AbortController();
  const signal = AbortSignal.any([options.signal, abort.signal]);
  // Every request and every step listens for the end of the build.
  setMaxListeners(0, signal);
  using layers = new LayerStore(store);
  for (const image of sources.images) layers.register(image.layers, sources.blobsOf(image));
  await using temporaries = new Temporaries(store);
  const run: RunContext = {
    store,
    layers,
    source: options.source,
    times: options.times,
    compression: outputs.find(({ readsRootfs, spec }) => !readsRootfs && spec.type !== "cacheonly")?.form.compression,
    contextTree: (from) => contexts.tree(from, mainTree),
    remoteFiles: remote.files,
    git: remote.git,
    execution: options.execution,
    createTemporary: () => temporaries.create(),
    mayReuse: options.mayReuse,
    shared: options.caches?.shared,
    project: options.project,
    flights: new Map(),
    lineages: new Map(),
    trail: new BuildTrail({ store, project: options.project, plan, surroundings: options }),
    explains: options.explains,
    onEvent: options.onEvent,
    nowMs: options.nowMs,
    signal,
  };
  return await use(run, (reason) => abort.abort(reason));
}
