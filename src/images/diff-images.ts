/** `diff` of images: what is different between their file systems, whatever layers they are made of. */
import { LayerStore } from "../layers/layer-store.js";
import type { Image } from "../oci/types.js";
import { type Change, diffTrees } from "./diff-trees.js";
import type { ImagesContext } from "./images-context.js";

/** From `before` to `after`; times do not count. @throws BLOB_NOT_FOUND, STORE_UNUSABLE; the signal's reason */
export async function diffImages(
  { store, signal }: ImagesContext,
  before: Image,
  after: Image,
): Promise<readonly Change[]> {
  using layers = new LayerStore(store);
  const treeOf = async (image: Image): ReturnType<LayerStore["tree"]> => {
    layers.register(image.layers, store.blobs);
    return layers.tree(
      image.layers.map(({ diffId }) => diffId),
      { signal },
    );
  };
  return diffTrees(layers, await treeOf(before), await treeOf(after), { times: false, signal });
}
