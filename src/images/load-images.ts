/** `load`: the images of an archive, as docker, podman, skopeo and we write them, into the store under their names. */
import { importImageArchive } from "../cache/image-archive.js";
import { OcibuildError } from "../errors.js";
import type { Digest } from "../oci/digest.js";
import { CONTAINERD_NAME, REF_NAME } from "../oci/layout.js";
import { formatReference, parseReference } from "../oci/reference.js";
import type { Descriptor, Platform } from "../oci/types.js";
import { plainBytes } from "./archive-bytes.js";
import { choosePlatforms } from "./choose-platforms.js";
import { blobsOf, readContent } from "./content.js";
import type { ImagesContext } from "./images-context.js";
import { checkLayers } from "./pull-image.js";
import { readStored } from "./stored-images.js";

export interface LoadOptions {
  /** Only these of images for several. */
  readonly platforms?: readonly Platform[];
}

export interface LoadedImage {
  /** In full form; `undefined` for an image that the archive has no name for. */
  readonly reference: string | undefined;
  readonly id: Digest;
}

/** @throws TAR_INVALID, DOCUMENT_INVALID, IMAGE_NOT_FOUND, BLOB_…, LAYER_DIFF_ID_MISMATCH, STORE_UNUSABLE */
export async function loadImages(
  context: ImagesContext,
  chunks: AsyncIterable<Uint8Array>,
  { platforms = [] }: LoadOptions = {},
): Promise<readonly LoadedImage[]> {
  const { store, signal } = context;
  const where = "the archive";
  const index = await importImageArchive(store.blobs, plainBytes(chunks, { signal }), where, { signal });
  const loaded: LoadedImage[] = [];
  for (const entry of index.manifests) {
    const reference = nameIn(entry);
    const descriptor = bare(entry);
    const name = reference ?? where;
    const choose = platforms.length === 0 ? {} : { choose: choosePlatforms(platforms, name) };
    const content = await readContent(store.blobs, descriptor, { name, tolerant: true, signal, ...choose });
    if (content.manifests.length === 0) {
      throw new OcibuildError("IMAGE_NOT_FOUND", `${where} has no manifest of "${name}"`, {
        details: { reference: name },
      });
    }
    await checkLayers(context, content, name);
    const requires = [...content.manifests.map((manifest) => manifest.descriptor), ...blobsOf(content)];
    if (reference === undefined) await store.images.add(descriptor, { signal, requires });
    else await store.images.tag(reference, descriptor, { signal, requires });
    const image = await readStored(store, descriptor, { signal });
    loaded.push({ reference, id: image?.manifest.config.digest ?? descriptor.digest });
  }
  return loaded;
}

/** The name of an entry; a tag alone names nothing. */
function nameIn({ annotations = {} }: Descriptor): string | undefined {
  const written = annotations[CONTAINERD_NAME] ?? annotations[REF_NAME];
  if (written === undefined || !/[:/]/.test(written)) return undefined;
  try {
    return formatReference(parseReference(written));
  } catch {
    return undefined;
  }
}

/** The entry without what names it in the archive. */
function bare({ annotations: _annotations, ...descriptor }: Descriptor): Descriptor {
  return descriptor;
}
