/** A build from top to bottom: context → Dockerfile → plan → layers → images → outputs. */
import type { AssembledIndex } from "./oci/assemble-image.js";
import type { Digest } from "./oci/digest.js";
import type { Descriptor, Image } from "./oci/types.js";
import type { BuildOptions } from "./options.js";
import type { ExportResult } from "./output/exporter.js";
import { assertKept } from "./pipeline/build-store.js";
import { execute } from "./pipeline/execute.js";
import { healing } from "./pipeline/healing.js";
import { type ImageFile, imageFiles, readImageFile } from "./pipeline/image-files.js";
import { ExecutorOnDemand, selectExecutor } from "./pipeline/plan-executor.js";
import { noExecutor, outputsOf, planWork } from "./plan-work.js";
import { openFront, openSurroundings } from "./prepare.js";

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
  const { env } = process;
  const namesCaches = (options.cacheFrom ?? []).length + (options.cacheTo ?? []).length > 0;
  const sharing = namesCaches ? await import("./pipeline/shared-caches.js") : undefined;
  const cacheSpecs = sharing?.readCacheOptions(options, env);
  await using surroundings = await openSurroundings(options);
  const { cwd, root, store, registries, onEvent, startedMs, nowMs, signal } = surroundings;
  const outputs = outputsOf(options, surroundings);
  assertKept(surroundings, outputs);
  const { client } = registries;
  const around = { store, cwd, client, onEvent, nowMs, startedMs, env };
  await using caches = cacheSpecs && sharing?.planCaches(cacheSpecs, around);
  await using front = await openFront(surroundings, options);
  const { source, sources } = front;
  const planned = await planWork(surroundings, front, options, outputs);
  const { plan } = planned;
  await using demand = new ExecutorOnDemand(() =>
    selectExecutor(plan, source, options, { root, env, onEvent, signal }),
  );
  // Where everything has to be in the cache no executor need be there.
  const executor = planned.explains === "and-fails" ? noExecutor : demand.executor;
  const execution = { ...planned.settings, executor, secret: surroundings.secrets.read };
  const work = { ...planned, execution, caches, cwd, client, onEvent, nowMs, signal };
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
    () => execute({ ...work, onBuilt }),
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
