/** A store in a folder of its own, and images in it. */
import { join } from "node:path";
import { openStore, type Store } from "../../src/cache/store.js";
import type { ImagesContext } from "../../src/images/images-context.js";
import type { Image } from "../../src/oci/types.js";
import { RegistryAccess } from "../../src/pipeline/registry-access.js";
import { addImage, type ImageSpec } from "./images.js";
import { tempFolder } from "./temp-folder.js";

/** What operations on images work with, on an empty store. */
export async function imagesContext(root: string = join(tempFolder(), "store")): Promise<ImagesContext> {
  const folder = tempFolder();
  return {
    root,
    store: await openStore(root),
    registries: new RegistryAccess({
      mirrors: [],
      insecure: [],
      environment: { env: {}, homeDir: folder, systemDir: folder },
      userAgent: "test",
      onWarning: () => {},
    }),
    env: {},
    onEvent: () => {},
    startedMs: Date.UTC(2026, 0, 1),
    nowMs: () => 0,
    signal: new AbortController().signal,
  };
}

/** Puts an image into the store under full names. */
export async function storeImage(store: Store, names: readonly string[], spec: ImageSpec = {}): Promise<Image> {
  const image = await addImage(store.blobs, spec);
  if (names.length === 0) await store.images.add(image.descriptor);
  else await store.images.tag(names, image.descriptor);
  return image;
}
