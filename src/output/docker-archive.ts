/**
 * What `docker save` writes and `docker load` reads: `manifest.json` beside the blobs. It is an OCI layout as well, as
 * Docker's own archives are since version 25. Layers stay compressed: every engine takes them so.
 */
import type { Abortable, BlobReader } from "../oci/blobs.js";
import { layoutBlobPath } from "../oci/layout.js";
import { formatPlatform } from "../oci/platform.js";
import { familiarName, formatReference } from "../oci/reference.js";
import type { ArchiveFile } from "../tar/archive.js";
import type { BuildResult, Exporter, ExportResult } from "./exporter.js";
import { type ImageContent, imageContent } from "./image-content.js";
import { documentFile, layoutFiles, packImage } from "./oci-archive.js";
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
      const content = imageContent(single);
      await writeDestination(destination, packImage(files(single, content, blobs, options), options), options);
      return { descriptor: image.descriptor, names: result.names.map(formatReference), path, warnings: [] };
    },
  };
}

function* files(
  result: BuildResult,
  content: ImageContent,
  blobs: BlobReader,
  options: Abortable,
): Generator<ArchiveFile, void, undefined> {
  const manifest = Buffer.from(
    JSON.stringify([
      {
        Config: layoutBlobPath(content.configs[0]!.descriptor.digest),
        RepoTags: result.names
          .filter((name) => name.tag !== undefined)
          .map(({ digest: _, ...name }) => familiarName(name)),
        // One line for each layer, also where two are equal.
        Layers: result.images[0]!.manifest.layers.map((layer) => layoutBlobPath(layer.digest)),
      },
    ]),
  );
  yield documentFile("manifest.json", manifest);
  yield* layoutFiles(result, content, blobs, options);
}
