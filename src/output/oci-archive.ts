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
import { type ArchiveMember, archiveChunks, fileMember, folderMember } from "./archive.js";
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
      await writeDestination(destination, archiveChunks(layoutMembers(result, content, blobs, options)), options);
      const names = result.names.map(formatReference);
      return { descriptor: content.root.descriptor, names, path, warnings: [] };
    },
  };
}

/** The members of an OCI layout: small documents first, so that a reader finds them without passing the layers. */
export function* layoutMembers(
  result: BuildResult,
  content: ImageContent,
  blobs: BlobReader,
  options: Abortable,
): Generator<ArchiveMember, void, undefined> {
  const index = encodeLayoutIndex(namedEntries(content.root.descriptor, result.names));
  yield fileMember(LAYOUT_FILE, LAYOUT_BYTES.length, [LAYOUT_BYTES]);
  yield fileMember(LAYOUT_INDEX_FILE, index.length, [index]);
  yield folderMember("blobs");
  yield folderMember("blobs/sha256");
  for (const { descriptor, bytes } of documentsOf(content).toReversed()) {
    yield fileMember(layoutBlobPath(descriptor.digest), bytes.length, [bytes]);
  }
  for (const layer of content.layers) {
    yield fileMember(layoutBlobPath(layer.digest), layer.size, blobs.open(layer, options));
  }
}
