/** The image `busybox` of the cases, built by our own code and put into a store. */
import type { Store } from "../../src/cache/store.js";
import { assembleImage } from "../../src/oci/assemble-image.js";
import type { DiffId } from "../../src/oci/digest.js";
import { parsePlatform } from "../../src/oci/platform.js";
import { addLayer, type FileSpec, tarOf } from "../support/images.js";
import { loadBaseImage } from "./cases.js";

/**
 * Adds `docker.io/library/busybox:latest`: a plain manifest, so that every platform gets it. Returns the diffID of its layer.
 * @param busybox the program `/bin/busybox`; cases that run nothing do with any bytes
 */
export async function addBaseImage(store: Store, busybox: Buffer): Promise<DiffId> {
  const { config, entries } = loadBaseImage();
  const files = entries.map(({ path, type, mode, target, content }): FileSpec => {
    const isFile = type === "file";
    return {
      path,
      type: type as NonNullable<FileSpec["type"]>,
      mode: Number.parseInt(mode ?? "0777", 8),
      ...(target === undefined ? {} : { linkname: target }),
      ...(isFile ? { content: content ?? busybox } : {}),
    };
  });
  const layer = await addLayer(store.blobs, tarOf(files));
  const image = assembleImage({
    config: { ...parsePlatform("linux/amd64"), config },
    layers: [layer],
    history: [{ created: "2023-11-14T22:13:20Z", created_by: "ADD rootfs.tar /" }],
    created: "2023-11-14T22:13:20Z",
    mediaTypes: "oci",
  });
  await store.blobs.write(image.manifest.config, [image.configBytes]);
  await store.blobs.write(image.descriptor, [image.manifestBytes]);
  await store.images.tag("docker.io/library/busybox:latest", image.descriptor);
  return layer.diffId;
}
