/** `push`: an image of the store to the registry that its name says, as it is: no byte of a manifest changes. */

import { transferWatcher, watched } from "../cache/transfer-events.js";
import { OcibuildError } from "../errors.js";
import type { PushBlobOutcome } from "../oci/pusher.js";
import { formatReference, nameOf, parseReference, type Reference } from "../oci/reference.js";
import type { Descriptor, Platform } from "../oci/types.js";
import { pushContent } from "../output/registry.js";
import { registryPusher } from "../registry/push.js";
import { blobsOf, imageContentOf, readContent } from "./content.js";
import { noSuchImage } from "./find-image.js";
import type { ImagesContext } from "./images-context.js";
import { selectPresent } from "./select-present.js";
import { listStored } from "./stored-images.js";

export interface PushOptions {
  /** Only the manifest for this platform, without the index around it. */
  readonly platform?: Platform;
  /** Told of each layer how it came to be in the registry. */
  readonly onLayer?: (layer: Descriptor, outcome: PushBlobOutcome) => void;
}

export interface PushedImage {
  /** Of the manifest or index that the tag means in the registry now. */
  readonly descriptor: Descriptor;
  /** Set when the store has not all platforms of the image, and the one it has was pushed. */
  readonly note: string | undefined;
}

/** @throws IMAGE_NOT_FOUND, PLATFORM_NOT_FOUND, OUTPUT_INVALID, REGISTRY_…, BLOB_… */
export async function pushImage(
  context: ImagesContext,
  name: Reference,
  { platform, onLayer }: PushOptions = {},
): Promise<PushedImage> {
  const { store, signal } = context;
  const shown = formatReference(name);
  const descriptor = await store.images.find(shown);
  if (descriptor === undefined) throw noSuchImage(shown);
  const { content, note } = await selectPresent(store, descriptor, { name: shown, platform, signal });
  const watcher = transferWatcher(context, "push", ` to ${nameOf(name)}`);
  const layers = new Set(content.manifests.flatMap(({ manifest }) => manifest.layers.map(({ digest }) => digest)));
  const pusher = registryPusher(await context.registries.client());
  const told = {
    ...pusher,
    pushBlob: async (...[target, blob, source, options]: Parameters<typeof pusher.pushBlob>) => {
      watcher.started(blob);
      try {
        const outcome = await pusher.pushBlob(target, blob, source, options);
        watcher.finished(blob);
        if (layers.has(blob.digest)) onLayer?.(blob, outcome);
        return outcome;
      } catch (error) {
        watcher.finished(blob, error);
        throw error;
      }
    },
  };
  const origins = await originsOf(context, name);
  const options = { names: [name], origins, signal };
  await pushContent(told, imageContentOf(content), watched(store.blobs, watcher), options);
  return { descriptor: content.root.descriptor, note };
}

/** All tags of a repository that the store has, sorted. @throws IMAGE_NOT_FOUND when there are none */
export async function tagsOf({ store }: ImagesContext, repository: Reference): Promise<readonly Reference[]> {
  const names = (await store.images.list()).flatMap(({ reference }) => reference ?? []);
  const found = names.map((name) => parseReference(name)).filter((name) => nameOf(name) === nameOf(repository));
  const tags = found.filter((name) => name.tag !== undefined && name.digest === undefined);
  if (tags.length > 0) return tags.sort((a, b) => (a.tag! < b.tag! ? -1 : 1));
  throw new OcibuildError("IMAGE_NOT_FOUND", `An image does not exist locally with the name: ${nameOf(repository)}`, {
    details: { reference: nameOf(repository) },
    hint: 'Give one with "ocibuild tag".',
  });
}

/** Other repositories of the same registry that images with the same blobs are named after: they may be mounted. */
async function originsOf(
  { store, signal }: ImagesContext,
  target: Reference,
): Promise<ReadonlyMap<Descriptor["digest"], readonly Reference[]>> {
  const origins = new Map<Descriptor["digest"], Reference[]>();
  for (const { entries } of await listStored(store, { signal })) {
    for (const { reference, descriptor } of entries) {
      const name = reference === undefined ? undefined : parseReference(reference);
      if (name === undefined || name.registry !== target.registry || name.repository === target.repository) continue;
      const options = { name: reference!, tolerant: true, validated: true, signal };
      const content = await readContent(store.blobs, descriptor, options).catch(() => undefined);
      signal.throwIfAborted();
      for (const { digest } of content === undefined ? [] : blobsOf(content)) {
        origins.set(digest, [...(origins.get(digest) ?? []), name]);
      }
    }
  }
  return origins;
}
