/** `run`: a command in the files of an image, and what it changed kept as a container. */
import { statSync } from "node:fs";
import { OcibuildError } from "../../errors.js";
import type { Executor, Mount, RunIO, RunOutcome, RunSpec } from "../../executor/contract.js";
import { FsEdit } from "../../layers/fs/fs-edit.js";
import { FsTree } from "../../layers/fs/fs-tree.js";
import { LayerStore } from "../../layers/layer-store.js";
import { applyChangeset, readChangeset } from "../../layers/run/changeset.js";
import { CHANGESET_LIMIT_BYTES } from "../../layers/run/run-execution.js";
import { DEFAULT_PATH, makeWorkdir, userOf } from "../../layers/run/run-ground.js";
import { rootFilesOf } from "../../layers/run/run-mounts.js";
import { type SealContext, sealEdit } from "../../layers/seal/seal-edit.js";
import type { Image } from "../../oci/types.js";
import { Temporaries } from "../../pipeline/temporaries.js";
import type { ImagesContext } from "../images-context.js";
import { containerExecutor } from "./container-executor.js";
import { type ContainerRecord, commandOf } from "./container-record.js";
import { ContainerStore } from "./container-store.js";
import { type ConfigWishes, joinEnv, runConfig } from "./run-config.js";

/** What a container gets beside the image. */
export interface RunOptions extends ConfigWishes {
  readonly name?: string | undefined;
  readonly hostname?: string | undefined;
  /** Nothing of it is kept when it has ended. */
  readonly remove?: boolean;
  readonly network?: RunSpec["network"];
  /** Everything that the sandbox keeps from it. */
  readonly privileged?: boolean;
  /** Files and folders of this machine, and memory. */
  readonly mounts?: readonly (Mount & { readonly type: "host" | "tmpfs" })[];
  readonly hosts?: RunSpec["hosts"];
  readonly shmSizeBytes?: number | undefined;
  readonly ulimits?: RunSpec["ulimits"];
  /** `auto` unless given. */
  readonly executor?: string | Executor;
  readonly onOutput: RunIO["onOutput"];
  /** Called once, when the command is about to begin. */
  readonly onStart?: (container: ContainerRecord) => void | Promise<void>;
  readonly stdin?: RunIO["stdin"];
  readonly terminal?: RunIO["terminal"];
}

export interface RunResult {
  readonly container: ContainerRecord;
  readonly exitCode: number;
  readonly signal: string | undefined;
}

/**
 * Runs a command and waits for its end; a command that fails is no error.
 * @param shown how the image was asked for
 * @throws EXECUTOR_…, OPTIONS_INVALID, CONTAINER_IN_USE, LAYER_UNKNOWN_USER, STORE_UNUSABLE; the signal's reason
 */
export async function runContainer(
  context: ImagesContext,
  shown: string,
  image: Image,
  options: RunOptions,
): Promise<RunResult> {
  const { store } = context;
  const config = runConfig(image.config.config ?? {}, options);
  const mounts = options.mounts ?? [];
  for (const mount of mounts) if (mount.type === "host") assertThere(mount.source);
  const remove = options.remove ?? false;
  const platform = image.descriptor.platform ?? image.config;
  await using selected = await containerExecutor(context, options.executor ?? "auto", {
    image: shown,
    platform,
    user: config.User ?? "",
    network: options.network ?? "default",
    security: options.privileged === true ? "insecure" : "sandbox",
    mounts,
    hasLimits: (options.ulimits?.length ?? 0) > 0 || options.shmSizeBytes !== undefined,
    interactions: [
      ...(options.terminal === undefined ? [] : (["terminal"] as const)),
      ...(options.stdin === undefined ? [] : (["stdin"] as const)),
      ...(remove ? [] : (["keep"] as const)),
    ],
  });
  const containers = new ContainerStore(store);
  const container = await containers.create(
    {
      name: options.name,
      hostname: options.hostname,
      image: { name: shown, id: image.manifest.config.digest, manifest: image.descriptor },
      created: new Date(context.startedMs + context.nowMs()).toISOString(),
      platform,
      config,
      autoRemove: remove,
    },
    context,
  );
  let isKept = false;
  try {
    const result = await execute(context, containers, container, image, selected.executor, options);
    isKept = !remove;
    return result;
  } finally {
    // Whatever kept the command from running leaves no container.
    if (!isKept) containers.discard(container.id);
  }
}

async function execute(
  context: ImagesContext,
  containers: ContainerStore,
  container: ContainerRecord,
  image: Image,
  executor: Executor,
  options: RunOptions,
): Promise<RunResult> {
  const { store, signal } = context;
  using layers = new LayerStore(store);
  layers.register(image.layers, store.blobs);
  await using temporaries = new Temporaries(store);
  const nowSeconds = Math.floor((context.startedMs + context.nowMs()) / 1000);
  const seal: SealContext = { store, layers, signal, times: { nowSeconds, files: "keep", epochSeconds: undefined } };
  const base = await layers.tree(
    image.layers.map(({ diffId }) => diffId),
    { signal },
  );
  const edit = new FsEdit(base);
  const rootfs = image.layers.map(({ diffId }) => diffId);
  const cwd = container.config.WorkingDir || "/";
  if (makeWorkdir(seal, edit, cwd)) {
    const before = new FsEdit(base);
    makeWorkdir(seal, before, cwd);
    rootfs.push(await sealEdit(seal, before, { compression: undefined }));
  }
  const args = commandOf(container.config);
  const user = await userOf(seal, new FsTree(edit.root, base.label), { user: container.config.User ?? "", args });
  const spec = specOf(container, options, { rootfs: rootFilesOf(rootfs), user, cwd });
  await options.onStart?.(container);
  const outcome = await executor.run(spec, {
    signal,
    openLayer: (diffId, reading) => layers.openLayer(diffId, { ...reading, signal }),
    readSecret: async () => notAsked(executor),
    sshSocket: () => notAsked(executor),
    onOutput: options.onOutput,
    ...(options.stdin === undefined ? {} : { stdin: options.stdin }),
    ...(options.terminal === undefined ? {} : { terminal: options.terminal }),
  });
  signal.throwIfAborted();
  const ended = {
    ...container,
    state: {
      status: "exited",
      exitCode: outcome.exitCode,
      finished: new Date(context.startedMs + context.nowMs()).toISOString(),
    },
  } as const;
  const result = { exitCode: outcome.exitCode, signal: "signal" in outcome ? outcome.signal : undefined };
  if (container.autoRemove || outcome.changeset === null) {
    await leave(outcome);
    if (!container.autoRemove) await containers.save(ended);
    return { container: ended, ...result };
  }
  const limits = { executor: executor.name, limitBytes: CHANGESET_LIMIT_BYTES };
  const run = { createTemporary: () => temporaries.create(), signal };
  const changeset = await readChangeset(run, outcome.changeset, limits);
  applyChangeset(edit, changeset, executor.name);
  const diffId = await sealEdit(seal, edit, { compression: undefined });
  await containers.keepLayer(container.id, store.layers.tarPath(diffId));
  const isEmpty = (await layers.entryCount(diffId, { signal })) === 0;
  const kept = { ...ended, changes: { diffId, isEmpty } };
  await containers.save(kept);
  return { container: kept, ...result };
}

function specOf(
  { config, hostname, platform }: ContainerRecord,
  options: RunOptions,
  ground: Pick<RunSpec, "rootfs" | "cwd"> & { readonly user: Awaited<ReturnType<typeof userOf>> },
): RunSpec {
  const { uid, gid, additionalGids, home } = ground.user;
  const defaults = [
    `PATH=${DEFAULT_PATH}`,
    `HOSTNAME=${hostname}`,
    ...(options.terminal === undefined ? [] : ["TERM=xterm"]),
    `HOME=${home}`,
  ];
  return {
    rootfs: ground.rootfs,
    platform,
    args: commandOf(config) as RunSpec["args"],
    env: joinEnv(defaults, config.Env ?? []),
    cwd: ground.cwd,
    user: { uid, gid, additionalGids },
    mounts: options.mounts ?? [],
    network: options.network ?? "default",
    security: options.privileged === true ? "insecure" : "sandbox",
    hostname,
    hosts: options.hosts ?? [],
    shmSizeBytes: options.shmSizeBytes,
    ulimits: options.ulimits ?? [],
    changesetLimitBytes: CHANGESET_LIMIT_BYTES,
    keepsFailed: options.remove !== true,
  };
}

/** Lets go of what changed. */
async function leave({ changeset }: RunOutcome): Promise<void> {
  await changeset?.[Symbol.asyncIterator]().return?.();
}

function assertThere(path: string): void {
  if (statSync(path, { throwIfNoEntry: false }) !== undefined) return;
  throw new OcibuildError("OPTIONS_INVALID", `the mount source "${path}" is not there`, {
    details: { option: "--volume" },
    hint: "Make it first.",
  });
}

function notAsked(executor: Executor): never {
  throw new OcibuildError("EXECUTOR_FAILED", `the executor "${executor.name}" asked for what no mount names`, {
    details: { executor: executor.name },
  });
}
