/** `inspect`: all that the store knows of an image, under docker's names. */
import { familiarName, parseReference } from "../oci/reference.js";
import type { ExecutionConfig } from "../oci/types.js";
import type { FoundImage } from "./find-image.js";
import type { ImagesContext } from "./images-context.js";
import { imageSize } from "./layer-sizes.js";
import { namesOf } from "./list-images.js";

/** Docker's record of an image. What other programs read from it has the same name and shape. */
export interface ImageRecord {
  readonly Id: string;
  readonly RepoTags: readonly string[];
  readonly RepoDigests: readonly string[];
  readonly Comment: string;
  readonly Created: string;
  readonly Author: string;
  readonly Config: ExecutionConfig;
  readonly Architecture: string;
  readonly Variant?: string;
  readonly Os: string;
  readonly OsVersion?: string;
  readonly Size: number;
  readonly RootFS: { readonly Type: "layers"; readonly Layers: readonly string[] };
  readonly Descriptor: { readonly mediaType: string; readonly digest: string; readonly size: number };
}

/** @throws STORE_UNUSABLE; the signal's reason */
export async function inspectImage(
  { store, signal }: ImagesContext,
  { stored, entry, image }: FoundImage & { readonly image: NonNullable<FoundImage["stored"]["image"]> },
): Promise<ImageRecord> {
  const { config } = image;
  const { tags, digests } = namesOf(stored);
  const { mediaType, digest, size } = entry.descriptor;
  const version = config["os.version"];
  return {
    Id: image.manifest.config.digest,
    RepoTags: tags.map(familiar),
    RepoDigests: digests.map(familiar),
    Comment: config.history?.at(-1)?.comment ?? "",
    Created: config.created ?? "",
    Author: config.author ?? "",
    Config: config.config ?? {},
    Architecture: config.architecture,
    ...(config.variant === undefined ? {} : { Variant: config.variant }),
    Os: config.os,
    ...(version === undefined ? {} : { OsVersion: version }),
    Size: await imageSize(store, image, { signal }),
    RootFS: { Type: "layers", Layers: image.layers.map(({ diffId }) => diffId) },
    Descriptor: { mediaType, digest, size },
  };
}

function familiar(name: string): string {
  return familiarName(parseReference(name));
}
