/**
 * An OCI layout in a tarball. For one platform it is what `docker save` writes as well: engines before Docker 25 find no
 * image in a layout, and podman none that it could choose where an image has several names.
 * @spec image-layout.md
 */
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
import { DOCKER_MANIFEST_FILE, encodeDockerManifest } from "./docker-manifest.js";
import type { BuildResult, Exporter, ExportResult } from "./exporter.js";
import { documentsOf, type ImageContent, imageContent } from "./image-content.js";
import { type Destination, destinationName, writeDestination } from "./output-file.js";

/** Where blobs are in a layout. */
const BLOB_FOLDERS = ["blobs/", "blobs/sha256/"];

/** Writes one tarball. Several platforms and several names are fine. */
export function ociArchive(destination: Destination): Exporter {
  const path = destinationName(destination);
  return {
    name: `exporting to oci archive "${path}"`,
    async export(result: BuildResult, blobs: BlobReader, options: Abortable = {}): Promise<ExportResult> {
      const content = imageContent(result);
      await writeDestination(destination, packImage(result, content, blobs, options), options);
      const names = result.names.map(formatReference);
      return { descriptor: content.root.descriptor, names, path, warnings: [] };
    },
  };
}

/** The bytes of the archive. No clock: equal images give equal archives. */
export function packImage(
  result: BuildResult,
  content: ImageContent,
  blobs: BlobReader,
  options: Abortable,
): AsyncIterable<Buffer> {
  const { signal } = options;
  const files = archiveFiles(result, content, blobs, options);
  return packArchive(files, { mtimeSeconds: 0, ...(signal === undefined ? {} : { signal }) });
}

/** The files of the archive: small documents first, so that a reader finds them without passing the layers. */
function* archiveFiles(
  result: BuildResult,
  content: ImageContent,
  blobs: BlobReader,
  options: Abortable,
): Generator<ArchiveFile, void, undefined> {
  yield documentFile(LAYOUT_FILE, LAYOUT_BYTES);
  const [image, ...others] = result.images;
  if (image !== undefined && others.length === 0) {
    yield documentFile(DOCKER_MANIFEST_FILE, encodeDockerManifest(image, result.names));
  }
  yield documentFile(LAYOUT_INDEX_FILE, encodeLayoutIndex(namedEntries(content.root.descriptor, result.names)));
  // Said although files below follow: programs that unpack as an ordinary user fail to give folders to root that they
  // had to make up (skopeo's oci-archive).
  for (const folder of BLOB_FOLDERS) yield documentFile(folder, Buffer.alloc(0));
  for (const { descriptor, bytes } of documentsOf(content).toReversed()) {
    yield documentFile(layoutBlobPath(descriptor.digest), bytes);
  }
  for (const layer of content.layers) {
    yield { name: layoutBlobPath(layer.digest), sizeBytes: layer.size, body: blobs.open(layer, options) };
  }
}

/** A file that is in memory, or a folder. */
function documentFile(name: string, bytes: Buffer): ArchiveFile {
  return { name, sizeBytes: bytes.length, body: [bytes] };
}
