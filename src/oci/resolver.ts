/** How the plan learns what a reference means, without knowing where images are. */
import type { Abortable } from "./blobs.js";
import type { Image, Platform } from "./types.js";

export interface ImageResolver {
  /**
   * The image that `reference` names for `platform`. `reference` is as the user wrote it (`busybox`,
   * `r.example/app@sha256:…`); an image that is no index is returned whatever platform it says, as Docker does.
   * @throws REGISTRY_…, IMAGE_NOT_FOUND, PLATFORM_NOT_FOUND, REFERENCE_INVALID, DOCUMENT_INVALID
   */
  resolve(reference: string, platform: Platform, options?: Abortable): Promise<Image>;
}
