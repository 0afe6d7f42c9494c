/** `history`: the steps that an image was made in, and what each brought. */
import type { Digest } from "../oci/digest.js";
import type { Image } from "../oci/types.js";
import type { ImagesContext } from "./images-context.js";
import { layerSizes } from "./layer-sizes.js";

export interface HistoryLine {
  /** Of the last step that of the image; earlier ones have none. */
  readonly id: Digest | undefined;
  /** RFC 3339. */
  readonly created: string | undefined;
  readonly createdBy: string;
  /** Bytes of the unpacked layer; 0 for a step without one. */
  readonly sizeBytes: number;
  readonly comment: string;
}

/** The last step first. @throws STORE_UNUSABLE; the signal's reason */
export async function imageHistory({ store, signal }: ImagesContext, image: Image): Promise<readonly HistoryLine[]> {
  const sizes = [...(await layerSizes(store, image, { signal }))];
  const lines = (image.config.history ?? []).map((entry) => ({
    id: undefined as Digest | undefined,
    created: entry.created,
    createdBy: entry.created_by ?? "",
    sizeBytes: entry.empty_layer === true ? 0 : (sizes.shift() ?? 0),
    comment: entry.comment ?? "",
  }));
  // Images exist that say nothing of some layers.
  for (const size of sizes) {
    lines.push({ id: undefined, created: undefined, createdBy: "", sizeBytes: size ?? 0, comment: "" });
  }
  const last = lines.at(-1);
  if (last !== undefined) last.id = image.manifest.config.digest;
  return lines.toReversed();
}
