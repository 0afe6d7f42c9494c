/** `commit`: what a container changed as one more layer on its image. */
import { DEFAULT_GZIP_LEVEL } from "../../compression/compression.js";
import { LayerStore } from "../../layers/layer-store.js";
import { assembleImage } from "../../oci/assemble-image.js";
import { parseReference } from "../../oci/reference.js";
import type { Image, Layer } from "../../oci/types.js";
import { localStore } from "../../output/local-store.js";
import { compressedLayer } from "../../pipeline/assemble.js";
import type { ImagesContext } from "../images-context.js";
import { parseName } from "../tag-image.js";
import { changedConfig } from "./commit-changes.js";
import { containerFiles } from "./container-layer.js";
import { commandOf } from "./container-record.js";
import { ContainerStore } from "./container-store.js";

export interface CommitOptions {
  /** Name of the new image; without one it is found by its ID. */
  readonly name?: string | undefined;
  readonly author?: string | undefined;
  readonly message?: string | undefined;
  /** Dockerfile instructions that change the config. */
  readonly changes?: readonly string[];
}

/** The new image. @throws CONTAINER_NOT_FOUND, CONTAINER_IN_USE, OPTIONS_INVALID, REFERENCE_INVALID, STORE_UNUSABLE */
export async function commitContainer(
  context: ImagesContext,
  word: string,
  { name, author, message, changes = [] }: CommitOptions = {},
): Promise<Image> {
  const { store, signal } = context;
  const names = name === undefined ? [] : [parseReference(parseName(name))];
  const containers = new ContainerStore(store);
  const container = containers.find(word);
  const { image: base, diffId, isEmpty } = await containerFiles(context, containers, container);
  const config = await changedConfig(container.config, container.platform, changes);
  const layers: Layer[] = [...base.layers];
  if (!isEmpty) {
    using reader = new LayerStore(store);
    const compression = { kind: "gzip", level: DEFAULT_GZIP_LEVEL } as const;
    layers.push(await compressedLayer({ store, layers: reader, signal }, diffId, compression));
  }
  const created = new Date(context.startedMs + context.nowMs()).toISOString();
  const writer = author ?? "";
  const image = assembleImage({
    base,
    config: { ...container.platform, ...(writer === "" ? {} : { author: writer }), config },
    layers,
    history: [
      {
        created,
        created_by: commandOf(container.config).join(" "),
        ...(writer === "" ? {} : { author: writer }),
        ...(message === undefined || message === "" ? {} : { comment: message }),
        ...(isEmpty ? { empty_layer: true } : {}),
      },
    ],
    created,
    mediaTypes: "oci",
  });
  await localStore(store).export({ images: [image], names }, store.blobs, { signal });
  return image;
}
