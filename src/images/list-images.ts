/** `images`: what the store holds, one record for each image. */
import type { Digest } from "../oci/digest.js";
import { nameOf, parseReference } from "../oci/reference.js";
import type { Platform } from "../oci/types.js";
import type { ImagesContext } from "./images-context.js";
import { imageSize } from "./layer-sizes.js";
import { listStored, type StoredImage } from "./stored-images.js";

export interface ImageSummary {
  /** The digest of the config, as docker has it. */
  readonly id: Digest;
  /** Names with tags in full form, sorted. */
  readonly tags: readonly string[];
  /** `registry/repository@digest` of what the names mean, sorted. */
  readonly digests: readonly string[];
  /** Seconds since 1970; `undefined` when the image does not say. */
  readonly createdSeconds: number | undefined;
  /** Bytes of the unpacked layers. */
  readonly sizeBytes: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly platform: Platform | undefined;
}

/** The newest first. @throws STORE_UNUSABLE; the signal's reason */
export async function listImages(context: ImagesContext): Promise<readonly ImageSummary[]> {
  const { signal } = context;
  const summaries: ImageSummary[] = [];
  for (const stored of await listStored(context.store, { signal })) summaries.push(await summaryOf(context, stored));
  // Equal times keep their order, in which the last one listed comes first.
  return summaries.sort((a, b) => (b.createdSeconds ?? 0) - (a.createdSeconds ?? 0));
}

export async function summaryOf({ store, signal }: ImagesContext, stored: StoredImage): Promise<ImageSummary> {
  const { id, image } = stored;
  return {
    id,
    ...namesOf(stored),
    createdSeconds: createdSeconds(image?.config.created),
    sizeBytes: image === undefined ? 0 : await imageSize(store, image, { signal }),
    labels: image?.config.config?.Labels ?? {},
    platform: image?.descriptor.platform,
  };
}

/** The names of an image: those with tags, and repositories with digests. */
export function namesOf({ entries }: StoredImage): Pick<ImageSummary, "tags" | "digests"> {
  const tags = new Set<string>();
  const digests = new Set<string>();
  for (const { reference, descriptor } of entries) {
    const name = readName(reference);
    if (name === undefined) continue;
    if (name.tag !== undefined && name.digest === undefined) tags.add(reference!);
    digests.add(`${nameOf(name)}@${descriptor.digest}`);
  }
  return { tags: [...tags].sort(), digests: [...digests].sort() };
}

/** Other tools may have written what is no name. */
function readName(reference: string | undefined): ReturnType<typeof parseReference> | undefined {
  if (reference === undefined) return undefined;
  try {
    return parseReference(reference);
  } catch {
    return undefined;
  }
}

/** Seconds of an RFC 3339 time. */
export function createdSeconds(text: string | undefined): number | undefined {
  const ms = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(ms) ? undefined : Math.floor(ms / 1000);
}
