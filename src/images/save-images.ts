/** `save`: images of the store as one archive. */

import { isOcibuildError } from "../errors.js";
import { nameOf, parseReference, type Reference } from "../oci/reference.js";
import type { Descriptor, Platform } from "../oci/types.js";
import { type Destination, writeDestination } from "../output/output-file.js";
import { findAmong, noSuchImage } from "./find-image.js";
import { type ArchivedImage, packImages } from "./image-archive.js";
import type { ImagesContext } from "./images-context.js";
import { selectPresent } from "./select-present.js";
import { listStored, type StoredImage } from "./stored-images.js";

export interface SaveOptions {
  /** Only this platform of images for several. */
  readonly platform?: Platform;
}

/**
 * Writes the images that `words` name: names, IDs, or repositories with all their tags.
 * @throws IMAGE_NOT_FOUND, PLATFORM_NOT_FOUND, OUTPUT_INVALID, OUTPUT_FAILED, BLOB_…
 */
export async function saveImages(
  { store, signal }: ImagesContext,
  words: readonly string[],
  destination: Destination,
  { platform }: SaveOptions = {},
): Promise<void> {
  const images = await listStored(store, { signal });
  const wanted = new Map<string, { readonly descriptor: Descriptor; readonly names: Reference[] }>();
  for (const word of words) {
    for (const { descriptor, name } of named(images, word)) {
      const item = wanted.get(descriptor.digest) ?? { descriptor, names: [] };
      wanted.set(descriptor.digest, item);
      if (name !== undefined) item.names.push(name);
    }
  }
  const archived: ArchivedImage[] = [];
  for (const { descriptor, names } of wanted.values()) {
    const options = { name: words.join(" "), platform, mayLack: true, signal };
    archived.push({ content: (await selectPresent(store, descriptor, options)).content, names });
  }
  await writeDestination(destination, packImages(archived, store.blobs, { signal }), { signal });
}

interface Named {
  readonly descriptor: Descriptor;
  readonly name: Reference | undefined;
}

/** A name without a tag stands for all tags of the repository. */
function named(images: readonly StoredImage[], word: string): readonly Named[] {
  const repository = bareName(word);
  if (repository !== undefined) {
    const all = images.flatMap(({ entries }) =>
      entries.flatMap(({ reference, descriptor }) => {
        const name = reference === undefined ? undefined : parseReference(reference);
        const isTag = name?.tag !== undefined && name.digest === undefined && nameOf(name) === nameOf(repository);
        return isTag ? [{ descriptor, name }] : [];
      }),
    );
    if (all.length > 0) return all;
  }
  const found = findAmong(images, word);
  if (found === undefined) throw noSuchImage(word);
  const name = found.reference === undefined ? undefined : parseReference(found.reference);
  return [{ descriptor: found.entry.descriptor, name }];
}

/** The repository of a name that says neither tag nor digest. */
function bareName(word: string): { readonly registry: string; readonly repository: string } | undefined {
  try {
    const { registry, repository, tag, digest } = parseReference(word);
    return digest === undefined && !word.endsWith(`:${tag}`) ? { registry, repository } : undefined;
  } catch (error) {
    if (isOcibuildError(error, "REFERENCE_INVALID")) return undefined;
    throw error;
  }
}
