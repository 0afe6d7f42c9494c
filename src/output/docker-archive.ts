/**
 * What `docker save` writes and `docker load` reads: `manifest.json` beside the blobs of an OCI layout, as Docker's own
 * archives have it since version 25. Layers stay compressed: every engine takes them so.
 */
import type { Abortable, BlobReader } from "../oci/blobs.js";
import { formatPlatform } from "../oci/platform.js";
import { formatReference } from "../oci/reference.js";
import type { BuildResult, Exporter, ExportResult } from "./exporter.js";
import { imageContent } from "./image-content.js";
import { packImage } from "./oci-archive.js";
import { type Destination, destinationName, invalidOutput, writeDestination } from "./output-file.js";

/** Writes one tarball for one platform; several names are fine. */
export function dockerArchive(destination: Destination): Exporter {
  const path = destinationName(destination);
  return {
    name: `exporting to docker archive "${path}"`,
    async export(result: BuildResult, blobs: BlobReader, options: Abortable = {}): Promise<ExportResult> {
      const image = result.images[0];
      if (image === undefined || result.images.length !== 1) {
        const platforms = result.images.map(({ config }) => formatPlatform(config)).join(", ");
        throw invalidOutput(
          path,
          `a docker archive holds one platform but the build is for ${result.images.length} (${platforms})`,
          "Use type=oci, or build for one platform.",
        );
      }
      // The archive names the image itself: engines that read `index.json` would not look into an index of one.
      const single: BuildResult = { images: [image], names: result.names };
      await writeDestination(destination, packImage(single, imageContent(single), blobs, options), options);
      return { descriptor: image.descriptor, names: result.names.map(formatReference), path, warnings: [] };
    },
  };
}
