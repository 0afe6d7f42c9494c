/** How large layers are unpacked: counted once by reading the layer, then remembered. */
import type { StepKeyParts } from "../cache/key.js";
import type { Store } from "../cache/store.js";
import { isOcibuildError } from "../errors.js";
import { LayerStore } from "../layers/layer-store.js";
import type { Abortable } from "../oci/blobs.js";
import type { DiffId } from "../oci/digest.js";
import type { Image } from "../oci/types.js";

/** Bytes of the files of each layer, base layer first; `undefined` for one that is not in the store. */
export async function layerSizes(
  store: Store,
  { layers }: Pick<Image, "layers">,
  options: Abortable = {},
): Promise<readonly (number | undefined)[]> {
  using reader = new LayerStore(store);
  reader.register(layers, store.blobs);
  const sizes: (number | undefined)[] = [];
  for (const { diffId } of layers) sizes.push(await sizeOf(store, reader, diffId, options));
  return sizes;
}

/** Bytes of all files of the image's layers. Layers that are not in the store count nothing. */
export async function imageSize(store: Store, image: Pick<Image, "layers">, options: Abortable = {}): Promise<number> {
  const sizes = await layerSizes(store, image, options);
  return sizes.reduce((sum: number, size) => sum + (size ?? 0), 0);
}

async function sizeOf(
  store: Store,
  reader: LayerStore,
  diffId: DiffId,
  options: Abortable,
): Promise<number | undefined> {
  const parts: StepKeyParts = { kind: "layer-size", platform: "", projection: { diffId }, parent: null, inputs: [] };
  const known = (store.steps.get(parts)?.result as { readonly bytes?: unknown } | undefined)?.bytes;
  if (typeof known === "number") return known;
  try {
    const bytes = await reader.filesSize(diffId, options);
    store.steps.put(parts, { bytes });
    return bytes;
  } catch (error) {
    options.signal?.throwIfAborted();
    if (isOcibuildError(error)) return undefined;
    throw error;
  }
}
