/** Results → outputs: images assembled in the form each output wants, base layers fetched, everything written. */
import type { TaskInfo } from "../events.js";
import { contentsOf, rootfsEntries } from "../layers/fs/rootfs-entries.js";
import type { RunContext } from "../layers/run-context.js";
import type { StageResult } from "../layers/run-stage.js";
import type { BlobReader } from "../oci/blobs.js";
import type { Image, Layer } from "../oci/types.js";
import type { BuildResult, ExportResult } from "../output/exporter.js";
import type { BuildPlan } from "../plan/build-plan.js";
import type { StageId } from "../plan/file-source.js";
import { forEachLimited } from "../util/for-each-limited.js";
import { type AssembleContext, type AssembledResult, assembleResult, type ImageForm } from "./assemble.js";
import type { PlannedOutput } from "./exporters.js";
import type { ImageSources } from "./image-sources.js";

/** Layers that are fetched at a time. */
const PARALLEL = 4;

export interface WriteOutputsInput {
  readonly run: RunContext;
  readonly plan: BuildPlan;
  readonly results: ReadonlyMap<StageId, StageResult>;
  readonly outputs: readonly PlannedOutput[];
  readonly sources: ImageSources;
  /** See `AssembleContext`. */
  readonly configExtra?: AssembleContext["configExtra"];
}

export interface WrittenOutputs extends AssembledResult {
  /** What each output wrote, in their order. */
  readonly outputs: readonly ExportResult[];
}

/** What was built, as the first output has it. @throws OUTPUT_…, REGISTRY_…, STORE_UNUSABLE */
export async function writeOutputs(input: WriteOutputsInput): Promise<WrittenOutputs> {
  const { run, outputs, configExtra } = input;
  const context = { ...run, ...(configExtra === undefined ? {} : { configExtra }) };
  const assembled = new Map<string, Promise<AssembledResult>>();
  const inForm = (form: ImageForm): Promise<AssembledResult> => {
    const key = JSON.stringify({ ...form, annotations: [...form.annotations], index: [...form.indexAnnotations] });
    const result = assembled.get(key) ?? assembleResult(context, input.plan, input.results, form);
    assembled.set(key, result);
    return result;
  };
  const first = await inForm(outputs[0]!.form);
  const blobs = sourcedBlobs(input.run, input.sources);
  const written: ExportResult[] = [];
  for (const output of outputs) {
    const result = await inForm(output.form);
    if (output.readsBlobs) await fetchLayers(input, result.images);
    const exported = await writeOutput(input, output, result, blobs);
    if (exported !== undefined) written.push(exported);
  }
  return { ...first, outputs: written };
}

async function writeOutput(
  input: WriteOutputsInput,
  output: PlannedOutput,
  result: AssembledResult,
  blobs: BlobReader,
): Promise<ExportResult | undefined> {
  const { onEvent, nowMs, signal } = input.run;
  signal.throwIfAborted();
  const exporter = await output.create();
  if (exporter === undefined) return undefined;
  const task: TaskInfo = { id: `export ${exporter.name}`, kind: "export", name: exporter.name };
  onEvent({ type: "task-started", task, timeMs: nowMs() });
  try {
    const rootfs = output.readsRootfs ? await rootfsOf(input, result.images) : undefined;
    const build: BuildResult = {
      images: result.images,
      ...(result.index === undefined ? {} : { index: result.index }),
      names: output.names,
      origins: input.sources.origins,
      ...(rootfs === undefined ? {} : { rootfs }),
    };
    const exported = await exporter.export(build, blobs, { signal });
    for (const message of exported.warnings) onEvent({ type: "warning", message });
    const detail = exported.descriptor.digest;
    onEvent({ type: "task-finished", id: task.id, outcome: "done", timeMs: nowMs(), detail });
    return exported;
  } catch (error) {
    const outcome = signal.aborted ? "cancelled" : "failed";
    onEvent({ type: "task-finished", id: task.id, outcome, timeMs: nowMs() });
    throw error;
  }
}

/** Blobs from the store; those of base images from where the images came. */
export function sourcedBlobs(run: Pick<RunContext, "store">, sources: ImageSources): BlobReader {
  const origins = new Map<string, BlobReader>();
  for (const image of sources.images) {
    for (const { descriptor } of image.layers) origins.set(descriptor.digest, sources.blobsOf(image));
  }
  return {
    has: (blob, options) => (origins.get(blob.digest) ?? run.store.blobs).has(blob, options),
    open: (blob, options) => (origins.get(blob.digest) ?? run.store.blobs).open(blob, options),
  };
}

/** Brings base layers into the store side by side, before an output reads them one after the other. */
async function fetchLayers({ run, sources }: WriteOutputsInput, images: readonly Image[]): Promise<void> {
  const wanted = new Set(images.flatMap((image) => image.layers.map(({ descriptor }) => descriptor.digest)));
  const missing: { readonly layer: Layer; readonly image: Image }[] = [];
  for (const image of sources.images) {
    for (const layer of image.layers) {
      if (wanted.delete(layer.descriptor.digest)) missing.push({ layer, image });
    }
  }
  await forEachLimited(missing, PARALLEL, run, ({ layer, image }, options) =>
    sources.blobsOf(image).fetch(layer.descriptor, options),
  );
}

/** The flattened file systems of the images, their contents made ready to be read. */
async function rootfsOf({ run }: WriteOutputsInput, images: readonly Image[]): Promise<BuildResult["rootfs"]> {
  const trees = new Map<Image, Awaited<ReturnType<typeof run.layers.tree>>>();
  for (const image of images) {
    const diffIds = image.layers.map((layer) => layer.diffId);
    const tree = await run.layers.tree(diffIds, run);
    await run.layers.prepareContents(contentsOf(tree.root), run);
    trees.set(image, tree);
  }
  return (image) => rootfsEntries(trees.get(image)!);
}
