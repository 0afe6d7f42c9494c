/** What a build hands to its outputs, and what every output gives back. */

import type { LayerEntry } from "../layers/layer-entry.js";
import type { AssembledIndex } from "../oci/assemble-image.js";
import type { Abortable, BlobReader } from "../oci/blobs.js";
import type { Digest } from "../oci/digest.js";
import type { Reference } from "../oci/reference.js";
import type { Descriptor, Image } from "../oci/types.js";

/** A finished build. Its documents are here; its layers are blobs of the reader that comes with it. */
export interface BuildResult {
  /** One for each platform, in the order they were asked for; at least one. */
  readonly images: readonly Image[];
  /** Of all images; always there when there are several. */
  readonly index?: AssembledIndex;
  /** What the result is to be called; each with a tag. */
  readonly names: readonly Reference[];
  /**
   * Repositories that hold a blob already (those of base images, also at mirrors): a push to the same registry mounts
   * from there.
   */
  readonly origins?: ReadonlyMap<Digest, readonly Reference[]>;
  /**
   * The flattened root file system of one of `images`: parents before children, a hard link after the path it names,
   * no whiteouts. May be called several times. Needed by the `local` and `tar` outputs.
   */
  readonly rootfs?: (image: Image) => Iterable<LayerEntry>;
}

export interface ExportResult {
  /** Of what the names mean: the index, or the manifest of the only image. */
  readonly descriptor: Descriptor;
  /** Full names under which the image can be found now. */
  readonly names: readonly string[];
  /** What was written, as the user named it; absent for a store and a registry. */
  readonly path?: string;
  /** What could not be kept, as sentences. */
  readonly warnings: readonly string[];
}

export interface Exporter {
  /** As progress shows it, for example `exporting to oci-archive "app.tar"`. */
  readonly name: string;
  /**
   * Writes the result. Complete when it resolves; when it rejects, nothing new is left where others could see it.
   * @throws OUTPUT_INVALID before anything is written, OUTPUT_FAILED, BLOB_…, REGISTRY_…
   */
  export(result: BuildResult, blobs: BlobReader, options?: Abortable): Promise<ExportResult>;
}
