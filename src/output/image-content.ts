/** Everything that an image or index consists of, each blob once. */
import type { Abortable, BlobReader } from "../oci/blobs.js";
import type { Digest } from "../oci/digest.js";
import type { Descriptor } from "../oci/types.js";
import type { BuildResult } from "./exporter.js";
import { invalidOutput } from "./output-file.js";

/** A document with its bytes. */
export interface Document {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

export interface ImageContent {
  /** What the names mean: the index, or the manifest of the only image. */
  readonly root: Document;
  /** Manifests of an index; empty when the root is a manifest itself. */
  readonly manifests: readonly Document[];
  readonly configs: readonly Document[];
  /** Base layers first. */
  readonly layers: readonly Descriptor[];
}

/** The parts of `result`, without repetitions. */
export function imageContent(result: BuildResult): ImageContent {
  const { images, index } = result;
  const manifests = images.map((image) => ({ descriptor: image.descriptor, bytes: image.manifestBytes }));
  const root = index === undefined ? manifests[0] : { descriptor: index.descriptor, bytes: index.bytes };
  if (root === undefined || (index === undefined && images.length > 1)) {
    throw invalidOutput("image", `expected one image or an index but got ${images.length} images`);
  }
  return {
    root,
    manifests: index === undefined ? [] : unique(manifests),
    configs: unique(images.map((image) => ({ descriptor: image.manifest.config, bytes: image.configBytes }))),
    layers: unique(images.flatMap((image) => image.manifest.layers.map((descriptor) => ({ descriptor })))).map(
      ({ descriptor }) => descriptor,
    ),
  };
}

/** All documents: configs, then manifests, then the root. */
export function documentsOf(content: ImageContent): readonly Document[] {
  return unique([...content.configs, ...content.manifests, content.root]);
}

/** Serves `documents` from memory and everything else from `blobs`. */
export function withDocuments(blobs: BlobReader, documents: readonly Document[]): BlobReader {
  const held = new Map<Digest, Buffer>(documents.map(({ descriptor, bytes }) => [descriptor.digest, bytes]));
  return {
    async has(blob: Descriptor, options?: Abortable): Promise<boolean> {
      return held.has(blob.digest) || blobs.has(blob, options);
    },
    open(blob: Descriptor, options?: Abortable): AsyncIterable<Buffer> {
      const bytes = held.get(blob.digest);
      return bytes === undefined ? blobs.open(blob, options) : once(bytes);
    },
  };
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer, void, undefined> {
  yield bytes;
}

function unique<T extends { readonly descriptor: Descriptor }>(items: readonly T[]): T[] {
  const seen = new Set<Digest>();
  return items.filter(({ descriptor }) => !seen.has(descriptor.digest) && seen.add(descriptor.digest));
}
