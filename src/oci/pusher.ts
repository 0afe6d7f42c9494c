/** What an output needs of a registry to push an image. The registry client implements it; the output keeps the order. */
import type { Abortable, BlobReader } from "./blobs.js";
import type { Reference } from "./reference.js";
import type { Descriptor } from "./types.js";

export interface PushBlobOptions extends Abortable {
  /** A repository of the same registry that may hold the blob already: mounting is tried before uploading. */
  readonly mountFrom?: string;
}

export type PushBlobOutcome = "exists" | "mounted" | "uploaded";

export interface ImagePusher {
  /**
   * Makes the blob be in `target`'s repository: not at all when it is there, by mounting, or by uploading what `source`
   * gives. Tag and digest of `target` do not matter.
   * @throws REGISTRY_…, BLOB_…
   */
  pushBlob(
    target: Reference,
    blob: Descriptor,
    source: BlobReader,
    options?: PushBlobOptions,
  ): Promise<PushBlobOutcome>;
  /**
   * Puts a manifest or index under `target`'s tag, or under its digest when `target` has none. Everything it refers to
   * is there already.
   * @throws REGISTRY_…
   */
  pushManifest(target: Reference, manifest: Descriptor, bytes: Buffer, options?: Abortable): Promise<void>;
}
