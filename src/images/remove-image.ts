/** `rmi`: names are taken away; with its last one the image goes, and what nothing else needs of it. */
import type { Store } from "../cache/store.js";
import { isOcibuildError, OcibuildError } from "../errors.js";
import { chainIdOf, type Digest } from "../oci/digest.js";
import { familiarName, nameOf, parseReference } from "../oci/reference.js";
import type { Descriptor } from "../oci/types.js";
import { blobsOf, readContent } from "./content.js";
import { type FoundImage, findAmong, noSuchImage } from "./find-image.js";
import type { ImagesContext } from "./images-context.js";
import { groupStored, type StoredImage } from "./stored-images.js";

export interface RemoveOptions {
  /** Also an image that has names in several repositories, or that containers were made of. */
  readonly force?: boolean;
  /** What containers were made of: their content stays. */
  readonly pinned?: readonly Pin[];
}

/** A container and the image that it needs. */
export interface Pin {
  /** Of the container. */
  readonly name: string;
  /** Of the manifest. */
  readonly descriptor: Descriptor;
}

export interface RemovedImage {
  /** In docker's short form. */
  readonly untagged: readonly string[];
  /** The image's ID and the chainIDs of its layers, as far as they went. */
  readonly deleted: readonly string[];
}

/** @throws IMAGE_NOT_FOUND, IMAGE_IN_USE, STORE_UNUSABLE */
export async function removeImage(
  { store, signal }: ImagesContext,
  word: string,
  { force = false, pinned = [] }: RemoveOptions = {},
): Promise<RemovedImage> {
  let removed: RemovedImage = { untagged: [], deleted: [] };
  await store.images.remove(
    async (entries) => {
      const found = findAmong(await groupStored(store, entries, { signal }), word);
      if (found === undefined) throw noSuchImage(word);
      const untag = namesToTake(found, word, force);
      const names = found.stored.entries.flatMap(({ reference }) => reference ?? []);
      const untagged = untag.map(familiar);
      if (names.length > untag.length) {
        removed = { untagged, deleted: [] };
        return { untag, drop: [], free: [] };
      }
      const pin = pinOf(found.stored, pinned);
      if (pin !== undefined) {
        if (!force) throw usedBy(word, pin);
        // It stays, without a name.
        removed = { untagged, deleted: [] };
        return { untag, drop: [], free: [] };
      }
      const drop = found.stored.entries.map(({ descriptor }) => descriptor);
      const dropped = new Set(drop.map(({ digest }) => digest));
      const kept = entries.map(({ descriptor }) => descriptor).filter(({ digest }) => !dropped.has(digest));
      const free = await unneeded(store, drop, kept, signal);
      removed = { untagged, deleted: deletedOf(found, free) };
      return { untag, drop: [...dropped], free };
    },
    { signal },
  );
  return removed;
}

function namesToTake({ stored, reference }: FoundImage, word: string, force: boolean): readonly string[] {
  const names = stored.entries.flatMap((entry) => entry.reference ?? []);
  const repositoryOf = (name: string): string => nameOf(parseReference(name));
  if (reference !== undefined) {
    // With the last tag of a repository its digests go as well.
    const others = names.filter((name) => name !== reference && repositoryOf(name) === repositoryOf(reference));
    const isLast = others.every((name) => parseReference(name).digest !== undefined);
    return isLast ? [reference, ...others] : [reference];
  }
  if (new Set(names.map(repositoryOf)).size > 1 && !force) {
    throw inUse(
      word,
      `unable to delete ${word} (must be forced) - image is referenced in multiple repositories`,
      `It is ${names.map(familiar).join(", ")}: name one of them, or add --force.`,
    );
  }
  return names;
}

/** The container that needs the image, if there is one. */
export function pinOf({ entries, image }: StoredImage, pinned: readonly Pin[]): Pin | undefined {
  const manifests = new Set(entries.map(({ descriptor }): string => descriptor.digest));
  if (image !== undefined) manifests.add(image.descriptor.digest);
  return pinned.find(({ descriptor }) => manifests.has(descriptor.digest));
}

function usedBy(word: string, { name }: Pin): OcibuildError<"IMAGE_IN_USE"> {
  return inUse(
    word,
    `unable to remove "${word}" (must be forced) - container ${name} is using its referenced image`,
    `Remove the container with "ocibuild rm ${name}", or add --force to take only the name away.`,
  );
}

/** Blobs of `gone` that none of `kept` has. */
async function unneeded(
  store: Store,
  gone: readonly Descriptor[],
  kept: readonly Descriptor[],
  signal: AbortSignal,
): Promise<Digest[]> {
  const needed = new Set<Digest>();
  for (const descriptor of kept) for (const digest of await digestsOf(store, descriptor, signal)) needed.add(digest);
  const free = new Set<Digest>();
  for (const descriptor of gone) {
    for (const digest of await digestsOf(store, descriptor, signal)) if (!needed.has(digest)) free.add(digest);
  }
  return [...free];
}

/** Everything that `descriptor` refers to, as far as it is there. */
async function digestsOf(store: Store, descriptor: Descriptor, signal: AbortSignal): Promise<readonly Digest[]> {
  const options = { name: descriptor.digest, tolerant: true, validated: true, signal };
  try {
    const content = await readContent(store.blobs, descriptor, options);
    const documents = [content.root, ...content.indexes, ...content.manifests].map((document) => document.descriptor);
    return [...documents, ...blobsOf(content)].map(({ digest }) => digest);
  } catch (error) {
    signal.throwIfAborted();
    if (isOcibuildError(error)) return [descriptor.digest];
    throw error;
  }
}

function deletedOf({ stored }: FoundImage, free: readonly Digest[]): string[] {
  const gone = new Set(free);
  const layers = stored.image?.layers ?? [];
  const chains = layers.map(({ descriptor }, at) =>
    gone.has(descriptor.digest) ? chainIdOf(layers.slice(0, at + 1).map(({ diffId }) => diffId)) : undefined,
  );
  return [stored.id, ...chains.toReversed().filter((chain) => chain !== undefined)];
}

function familiar(name: string): string {
  return familiarName(parseReference(name));
}

function inUse(reference: string, message: string, hint: string): OcibuildError<"IMAGE_IN_USE"> {
  return new OcibuildError("IMAGE_IN_USE", `conflict: ${message}`, { details: { reference }, hint });
}
