/** The images of the store as people see them: by what they are (their ID), with all their names. */
import type { Store } from "../cache/store.js";
import { isOcibuildError } from "../errors.js";
import type { Abortable } from "../oci/blobs.js";
import type { Digest } from "../oci/digest.js";
import { hostPlatform, matchPlatform } from "../oci/platform.js";
import { readImage } from "../oci/read-image.js";
import type { Descriptor, Image, Platform } from "../oci/types.js";
import { isAttestation, readContent } from "./content.js";

/** One line of the store's `index.json`. */
export interface ImageEntry {
  /** In full form; `undefined` for an image without a name. */
  readonly reference: string | undefined;
  /** Of a manifest or an index. */
  readonly descriptor: Descriptor;
}

export interface StoredImage {
  /** The digest of the config, as docker has it; of the manifest or index where no config can be read. */
  readonly id: Digest;
  /** Never empty; they may differ in what stands around the config. */
  readonly entries: readonly ImageEntry[];
  /** For this machine's platform, or the first that is there; `undefined` when none is. */
  readonly image: Image | undefined;
}

/** All images, those listed last first. @throws STORE_UNUSABLE; the signal's reason */
export async function listStored(store: Store, options: Abortable = {}): Promise<readonly StoredImage[]> {
  return groupStored(store, await store.images.list(), options);
}

/** The images that `entries` name, those that come last first. */
export async function groupStored(
  store: Store,
  entries: readonly ImageEntry[],
  options: Abortable = {},
): Promise<readonly StoredImage[]> {
  const found = new Map<Digest, { id: Digest; entries: ImageEntry[]; image: Image | undefined }>();
  const seen = new Map<Digest, Image | undefined>();
  for (const entry of entries.toReversed()) {
    options.signal?.throwIfAborted();
    const { digest } = entry.descriptor;
    if (!seen.has(digest)) seen.set(digest, await readStored(store, entry.descriptor, options));
    const image = seen.get(digest);
    const id = image?.manifest.config.digest ?? digest;
    const stored = found.get(id);
    if (stored === undefined) found.set(id, { id, entries: [entry], image });
    else stored.entries.push(entry);
  }
  return [...found.values()];
}

/**
 * The image of `descriptor` that is in the store for `platform`, this machine's unless given; then any that is there will
 * do. `undefined` when its documents are missing or damaged.
 */
export async function readStored(
  store: Store,
  descriptor: Descriptor,
  options: Abortable & { readonly platform?: Platform } = {},
): Promise<Image | undefined> {
  const name = descriptor.digest;
  try {
    const content = await readContent(store.blobs, descriptor, { name, tolerant: true, validated: true, ...options });
    const present = content.manifests
      .map((manifest) => manifest.descriptor)
      .filter((manifest) => !isAttestation(manifest) && manifest.platform?.os !== "unknown");
    const wanted = options.platform ?? hostPlatform();
    const best = nearest(present, wanted) ?? (options.platform === undefined ? present[0] : undefined);
    const alone = content.index === undefined;
    if (best === undefined) return undefined;
    const image = await readImage(store.blobs, best, {
      platform: wanted,
      reference: name,
      validated: true,
      ...options,
    });
    const suits = !alone || options.platform === undefined || matchPlatform(image.config, wanted) !== undefined;
    return suits ? image : undefined;
  } catch (error) {
    options.signal?.throwIfAborted();
    if (isOcibuildError(error)) return undefined;
    throw error;
  }
}

function nearest(manifests: readonly Descriptor[], wanted: Platform): Descriptor | undefined {
  const distances = manifests.map((manifest) => ({
    manifest,
    distance: manifest.platform === undefined ? Number.MAX_SAFE_INTEGER : matchPlatform(manifest.platform, wanted),
  }));
  const suiting = distances.filter(({ distance }) => distance !== undefined);
  return suiting.sort((a, b) => a.distance! - b.distance!)[0]?.manifest;
}
