/** Into the store of this machine, with tags: the output of a build that names no other. */
import type { ImageStore } from "../cache/image-store.js";
import type { Abortable, BlobReader, BlobWriter } from "../oci/blobs.js";
import { formatReference } from "../oci/reference.js";
import type { BuildResult, Exporter, ExportResult } from "./exporter.js";
import { documentsOf, imageContent, withDocuments } from "./image-content.js";

export interface TargetStore {
  readonly blobs: BlobReader & BlobWriter;
  readonly images: Pick<ImageStore, "tag" | "add">;
}

/** Stores what the store lacks, then the tags; without names the image is listed without one. */
export function localStore(store: TargetStore): Exporter {
  return {
    name: "storing the image",
    async export(result: BuildResult, blobs: BlobReader, options: Abortable = {}): Promise<ExportResult> {
      const content = imageContent(result);
      const documents = documentsOf(content);
      const source = withDocuments(blobs, documents);
      for (const blob of [...content.layers, ...documents.map(({ descriptor }) => descriptor)]) {
        options.signal?.throwIfAborted();
        if (!(await store.blobs.has(blob, options))) await store.blobs.write(blob, source.open(blob, options), options);
      }
      const { descriptor } = content.root;
      const names = result.names.map(formatReference);
      const requires = [...content.layers, ...documents.map((document) => document.descriptor)];
      if (names.length > 0) await store.images.tag(names, descriptor, { ...options, requires });
      else await store.images.add(descriptor, { ...options, requires });
      return { descriptor, names, warnings: [] };
    },
  };
}
