/** An OCI layout in a tarball: what `skopeo`, `podman load` and `docker load` (with the containerd store) read. */
import type { Abortable, BlobReader } from "../oci/blobs.js";
import {
  encodeLayoutIndex,
  LAYOUT_BYTES,
  LAYOUT_FILE,
  LAYOUT_INDEX_FILE,
  layoutBlobPath,
  namedEntries,
} from "../oci/layout.js";
import { formatReference } from "../oci/reference.js";
import { type ArchiveFile, packArchive } from "../tar/archive.js";
import type { BuildResult, Exporter, ExportResult } from "./exporter.js";
import { documentsOf, type ImageContent, imageContent } from "./image-content.js";
import { type Destination, destinationName, writeDestination } from "./output-file.js";

/** Writes one tarball. Several platforms and several names are fine. */
export function ociArchive(destination: Destination): Exporter {
  const path = destinationName(destination);
  return {
    name: `exporting to oci archive "${path}"`,
    async export(result: BuildResult, blobs: BlobReader, options: Abortable = {}): Promise<ExportResult> {
      const content = imageContent(result);
      await writeDestination(destination, packImage(layoutFiles(result, content, blobs, options), options), options);
      const names = result.names.map(formatReference);
      return { descriptor: content.root.descriptor, names, path, warnings: [] };
    },
  };
}

/** The bytes of an image archive. No clock: equal images give equal archives. */
export function packImage(files: Iterable<ArchiveFile>, options: Abortable): AsyncIterable<Buffer> {
  return packArchive(files, { mtimeSeconds: 0, ...(options.signal === undefined ? {} : { signal: options.signal }) });
}

/** The files of an OCI layout: small documents first, so that a reader finds them without passing the layers. */
export function* layoutFiles(
  result: BuildResult,
  content: ImageContent,
  blobs: BlobReader,
  options: Abortable,
): Generator<ArchiveFile, void, undefined> {
  yield documentFile(LAYOUT_FILE, LAYOUT_BYTES);
  yield documentFile(LAYOUT_INDEX_FILE, encodeLayoutIndex(namedEntries(content.root.descriptor, result.names)));
  for (const { descriptor, bytes } of documentsOf(content).toReversed()) {
    yield documentFile(layoutBlobPath(descriptor.digest), bytes);
  }
  for (const layer of content.layers) {
    yield { name: layoutBlobPath(layer.digest), sizeBytes: layer.size, body: blobs.open(layer, options) };
  }
}

/** A file that is in memory. */
export function documentFile(name: string, bytes: Buffer): ArchiveFile {
  return { name, sizeBytes: bytes.length, body: [bytes] };
}
