/** The layer of what a container changed, brought back among the store's layers. */

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import type { Store } from "../../cache/store.js";
import { isOcibuildError, OcibuildError } from "../../errors.js";
import { LayerStore } from "../../layers/layer-store.js";
import type { Abortable } from "../../oci/blobs.js";
import type { DiffId } from "../../oci/digest.js";
import { hostPlatform } from "../../oci/platform.js";
import { readImage } from "../../oci/read-image.js";
import type { Image } from "../../oci/types.js";
import { type Change, diffTrees } from "../diff-trees.js";
import type { ImagesContext } from "../images-context.js";
import type { ContainerRecord } from "./container-record.js";
import type { ContainerStore } from "./container-store.js";

/** The image that the container was made of, and its layer. */
export interface ContainerFiles {
  readonly image: Image;
  readonly diffId: DiffId;
  readonly isEmpty: boolean;
}

/** @throws CONTAINER_IN_USE while it runs, CONTAINER_NOT_FOUND when what it changed was lost, IMAGE_NOT_FOUND */
export async function containerFiles(
  { store, signal }: ImagesContext,
  containers: ContainerStore,
  container: ContainerRecord,
): Promise<ContainerFiles> {
  const { name, changes, state } = container;
  if (state.status === "running") {
    throw new OcibuildError("CONTAINER_IN_USE", `container ${name} is running`, {
      details: { container: name },
      hint: "What it changed is known when it has ended.",
    });
  }
  if (changes === null) {
    throw new OcibuildError("CONTAINER_NOT_FOUND", `what container ${name} changed was lost when it was killed`, {
      details: { container: name },
      hint: "Remove it, and run the command again.",
    });
  }
  const image = await imageOf(store, container, { signal });
  if (!store.layers.hasTar(changes.diffId)) {
    await bringBack(store, containers.layerPath(container.id), changes.diffId, { signal });
  }
  return { image, ...changes };
}

/** What the container changed in the files of its image. @throws as `containerFiles` */
export async function containerChanges(
  context: ImagesContext,
  containers: ContainerStore,
  container: ContainerRecord,
): Promise<readonly Change[]> {
  const { store, signal } = context;
  const { image, diffId } = await containerFiles(context, containers, container);
  using layers = new LayerStore(store);
  layers.register(image.layers, store.blobs);
  const diffIds = image.layers.map((layer) => layer.diffId);
  const before = await layers.tree(diffIds, { signal });
  const after = await layers.tree([...diffIds, diffId], { signal });
  return diffTrees(layers, before, after, { times: true, signal });
}

async function imageOf(store: Store, { name, image, platform }: ContainerRecord, options: Abortable): Promise<Image> {
  try {
    const reference = image.name;
    return await readImage(store.blobs, image.manifest, {
      platform: platform ?? hostPlatform(),
      reference,
      ...options,
    });
  } catch (error) {
    if (!isOcibuildError(error, "BLOB_NOT_FOUND")) throw error;
    throw new OcibuildError("IMAGE_NOT_FOUND", `the image of container ${name} is gone: ${image.name}`, {
      details: { reference: image.name },
      cause: error,
    });
  }
}

async function bringBack(store: Store, path: string, diffId: DiffId, options: Abortable): Promise<void> {
  const file = store.layers.createTar();
  try {
    const hash = createHash("sha256");
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20, ...options })) {
      hash.update(chunk as Buffer);
      file.write(chunk as Buffer);
    }
    const actual = `sha256:${hash.digest("hex")}`;
    if (actual !== diffId) {
      throw new OcibuildError(
        "LAYER_DIFF_ID_MISMATCH",
        `layer "${path}" expected diffID "${diffId}" but got "${actual}"`,
        {
          details: { expected: diffId, actual },
          hint: "The file is damaged: what the container changed is lost.",
        },
      );
    }
    await store.layers.publishTar(file, diffId);
  } finally {
    file.discard();
  }
}
