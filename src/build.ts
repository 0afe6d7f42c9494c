/** A build from top to bottom: context → Dockerfile → plan → layers → images → outputs. */
import { DEFAULT_GZIP_LEVEL } from "./compression/compression.js";
import { OcibuildError } from "./errors.js";
import type { AssembledIndex } from "./oci/assemble-image.js";
import type { Digest } from "./oci/digest.js";
import { parsePlatform } from "./oci/platform.js";
import type { Descriptor, Image } from "./oci/types.js";
import type { BuildOptions } from "./options.js";
import type { ExportResult } from "./output/exporter.js";
import { explainPolicy, reusePolicy } from "./pipeline/cache-policy.js";
import { execute } from "./pipeline/execute.js";
import { refuseUnallowed, selectExecutor } from "./pipeline/executors.js";
import { planOutputs } from "./pipeline/exporters.js";
import { healing } from "./pipeline/healing.js";
import { type ImageFile, imageFiles, readImageFile } from "./pipeline/image-files.js";
import { allowed, executionSettings } from "./pipeline/run-options.js";
import { timePolicy } from "./pipeline/source-date.js";
import { firstRunStep } from "./plan/build-plan.js";
import { planBuild } from "./plan/plan-build.js";
import { openFront, openSurroundings, warningEvent } from "./prepare.js";

/** A finished build. */
export interface Built {
  /** Of the manifest, or of the index of a build for several platforms. */
  readonly digest: Digest;
  readonly descriptor: Descriptor;
  /** One for each platform, in the order asked for. */
  readonly images: readonly Image[];
  readonly index: AssembledIndex | undefined;
  /** What each output wrote, in their order. */
  readonly outputs: readonly ExportResult[];
  /** The nodes of the image's file system (of the first platform's unless given), parents first. */
  files(image?: Image): AsyncIterable<ImageFile>;
  /** The bytes of a file, links followed inside the image. @throws LAYER_COPY when there is none */
  readFile(path: string, image?: Image): Promise<Buffer>;
}

/**
 * Builds as `options` say, which are taken as they are: `build()` checks them first.
 * @throws OcibuildError; the signal's reason when it is aborted
 */
export async function runBuild(options: BuildOptions): Promise<Built> {
  try {
    return await run(options);
  } catch (error) {
    // What breaks because of the abort is not what the caller wants to hear of.
    options.signal?.throwIfAborted();
    throw error;
  }
}

async function run(options: BuildOptions): Promise<Built> {
  await using surroundings = await openSurroundings(options);
  const { cwd, root, store, registries, remote, onEvent, startedMs, nowMs, signal } = surroundings;
  const outputs = planOutputs({
    outputs: options.outputs ?? [],
    tags: options.tags ?? [],
    push: options.push ?? false,
    compression: options.compression ?? { kind: "gzip", level: DEFAULT_GZIP_LEVEL },
    annotations: options.annotations ?? {},
    cwd,
    stdout: options.stdout ?? process.stdout,
    store,
    client: registries.client,
  });

  await using front = await openFront(surroundings, options);
  const { contexts, main, source, sources } = front;
  const plan = await planBuild({
    ...front.input,
    platforms: (options.platforms ?? []).map((platform) => parsePlatform(platform)),
    labels: new Map(Object.entries(options.labels ?? {})),
    onWarning: (warning) => onEvent(warningEvent(source, warning)),
  });
  refuseUnallowed(plan, source, allowed(options), options.network);
  const settings = executionSettings(options, options.buildArgs);
  const { env } = process;
  await using selected =
    firstRunStep(plan) === undefined
      ? undefined
      : await selectExecutor(plan, source, options, { root, env, onEvent, signal });
  const execution = selected && { ...settings, executor: selected.executor, secret: surroundings.secrets.read };

  const reproducible = options.reproducible ?? false;
  const commit = reproducible ? main.git : undefined;
  const times = timePolicy({
    reproducible,
    epochSeconds: options.sourceDateEpoch ?? epochArgument(options.buildArgs?.["SOURCE_DATE_EPOCH"]),
    clampFiles: outputs.some(({ spec }) => "image" in spec && spec.image.rewriteTimestamp === true),
    contextRoot: main.root,
    contextSeconds: commit && (await remote.gitTime(commit, "user", { signal })),
    searchPath: process.env["PATH"] ?? "",
    nowSeconds: Math.floor(startedMs / 1000),
  });
  const mayReuse = reusePolicy(options.noCache);
  const explains = explainPolicy(options);
  const work = {
    store,
    plan,
    source,
    contexts,
    remote,
    mainTree: main.tree,
    sources,
    outputs,
    times,
    mayReuse,
    explains,
    project: front.project,
    execution,
  };
  let isBuilt = false;
  const onBuilt = (): void => {
    isBuilt = true;
  };
  const {
    images,
    index,
    outputs: written,
  } = await healing(
    store,
    () => execute({ ...work, onEvent, nowMs, signal, onBuilt }),
    // What went to standard output cannot be taken back.
    () => !isBuilt || !outputs.some(({ spec }) => "dest" in spec && spec.dest === "-"),
  );
  const { descriptor } = index ?? images[0]!;
  return {
    digest: descriptor.digest,
    descriptor,
    images,
    index,
    outputs: written,
    files: (image = images[0]!) => imageFiles(root, sources, image),
    readFile: (path, image = images[0]!) => readImageFile(root, sources, image, path),
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
