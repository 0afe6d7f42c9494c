/** `tag`: another name for an image. */
import { OcibuildError } from "../errors.js";
import { formatReference, parseReference } from "../oci/reference.js";
import { findImage } from "./find-image.js";
import type { ImagesContext } from "./images-context.js";

/** Lets `name` mean what `source` (a name or an ID) means. @throws IMAGE_NOT_FOUND, REFERENCE_INVALID, STORE_UNUSABLE */
export async function tagImage({ store, signal }: ImagesContext, source: string, name: string): Promise<void> {
  const reference = parseName(name);
  const { entry } = await findImage(store, source, { signal });
  await store.images.tag(reference, entry.descriptor, { signal });
}

/** The full form of a name with a tag. @throws REFERENCE_INVALID for one with a digest */
export function parseName(name: string): string {
  const reference = parseReference(name);
  if (reference.digest === undefined) return formatReference(reference);
  throw new OcibuildError("REFERENCE_INVALID", `refusing to create a tag with a digest reference: "${name}"`, {
    details: { reference: name },
    hint: "Leave out what follows the @.",
  });
}
