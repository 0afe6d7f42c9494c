/** What ran → finished images: layers in the form the outputs want, history, config, manifest. */
import type { Store } from "../cache/store.js";
import { type Compression, compressionSpec } from "../compression/compression.js";
import { isOcibuildError } from "../errors.js";
import { fileReader } from "../layers/copy/fetched-file.js";
import type { LayerStore } from "../layers/layer-store.js";
import type { StageResult } from "../layers/run-stage.js";
import { compressTar } from "../layers/seal/compress-tar.js";
import { type AssembledIndex, assembleImage, assembleIndex } from "../oci/assemble-image.js";
import type { DiffId } from "../oci/digest.js";
import { layerMediaType, type MediaTypeFamily } from "../oci/media-types.js";
import type { Descriptor, Image, Layer } from "../oci/types.js";
import type { BuildPlan } from "../plan/build-plan.js";
import type { StageId } from "../plan/file-source.js";
import type { JsonObject } from "../util/canonical-json.js";

/** How an output wants the image. */
export interface ImageForm {
  readonly mediaTypes: MediaTypeFamily;
  readonly compression: Compression;
  /** Compress layers of the base anew as well. */
  readonly forceCompression: boolean;
  readonly annotations: ReadonlyMap<string, string>;
  readonly indexAnnotations: ReadonlyMap<string, string>;
}

export interface AssembledResult {
  /** In the order of the platforms. */
  readonly images: readonly Image[];
  readonly index: AssembledIndex | undefined;
}

export interface AssembleContext {
  readonly store: Store;
  readonly layers: LayerStore;
  readonly signal: AbortSignal;
  /** What goes into the configs of images whose layers are compressed so, beside what an image needs. */
  readonly configExtra?: (compression: string) => JsonObject;
}

/** The images of the plan's targets in the given form. @throws STORE_UNUSABLE, COMPRESSION_UNSUPPORTED */
export async function assembleResult(
  context: AssembleContext,
  plan: BuildPlan,
  results: ReadonlyMap<StageId, StageResult>,
  form: ImageForm,
): Promise<AssembledResult> {
  const images: Image[] = [];
  for (const target of plan.targets) {
    const stage = plan.stages.find(({ id }) => id === target.stage)!;
    const result = results.get(target.stage)!;
    const base = result.base;
    const baseCount = base?.layers.length ?? 0;
    const layers: Layer[] = [];
    for (const [at, diffId] of result.diffIds.entries()) {
      const ofBase = at < baseCount ? base?.layers[at] : undefined;
      layers.push(
        ofBase !== undefined && !form.forceCompression
          ? ofBase
          : await compressedLayer(context, diffId, form.compression),
      );
    }
    images.push(
      assembleImage({
        ...(base === undefined ? {} : { base }),
        config: { ...stage.config, config: stage.config.config },
        layers,
        history: result.history,
        ...(result.created === undefined ? {} : { created: result.created }),
        mediaTypes: form.mediaTypes,
        ...(context.configExtra === undefined ? {} : { extra: context.configExtra(compressionSpec(form.compression)) }),
        ...(form.annotations.size === 0 ? {} : { annotations: Object.fromEntries(form.annotations) }),
      }),
    );
  }
  const index = images.length === 1 && form.indexAnnotations.size === 0 ? undefined : indexOf(images, form);
  return { images, index };
}

function indexOf(images: readonly Image[], form: ImageForm): AssembledIndex {
  const { mediaTypes, indexAnnotations } = form;
  const annotations = indexAnnotations.size === 0 ? {} : { annotations: Object.fromEntries(indexAnnotations) };
  return assembleIndex({ images, mediaTypes, ...annotations });
}

/** The layer in the wanted compression: as it was made before, here or where a shared cache has it from, else from its tar. */
export async function compressedLayer(
  context: Pick<AssembleContext, "store" | "layers" | "signal">,
  diffId: DiffId,
  compression: Compression,
): Promise<Layer> {
  const { store, layers, signal } = context;
  const spec = compressionSpec(compression);
  const known = store.layers.compressedForms(diffId).find((candidate) => candidate.spec === spec);
  if (known !== undefined) return { diffId, descriptor: known.descriptor };
  const imported = await layers.importedForm(diffId, spec, { signal });
  if (imported !== undefined) return { diffId, descriptor: imported };
  await layers.ensureTar(diffId, { signal });
  const made = await compressFile(store, store.layers.tarPath(diffId), diffId, { compression, signal }).catch(
    (error: unknown) => {
      throw isOcibuildError(error, "LAYER_DIFF_ID_MISMATCH") ? layers.damagedTar(diffId) : error;
    },
  );
  return { diffId, descriptor: made };
}

/**
 * The tar of the layer `diffId`, which is at `path`, as a blob of the store.
 * @throws LAYER_DIFF_ID_MISMATCH, STORE_UNUSABLE; the signal's reason
 */
export async function compressFile(
  store: Store,
  path: string,
  diffId: DiffId,
  { compression, signal }: { readonly compression: Compression; readonly signal: AbortSignal },
): Promise<Descriptor> {
  const file = store.blobs.create();
  try {
    const options = { compression, blobSink: file, expectedDiffId: diffId, signal };
    const { blob } = await compressTar(fileReader(path), options);
    await store.blobs.publish(file, blob!.digest);
    const mediaType = layerMediaType({ family: "oci", compression: compression.kind, foreign: false });
    const descriptor = { mediaType, digest: blob!.digest, size: blob!.sizeBytes };
    store.layers.rememberCompressed(diffId, compressionSpec(compression), descriptor);
    return descriptor;
  } finally {
    file.discard();
  }
}
