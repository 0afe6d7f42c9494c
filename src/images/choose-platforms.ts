/** `--platform` for images that are there for several. */
import { choosePlatform, samePlatform } from "../oci/platform.js";
import type { Descriptor, ImageIndex, Platform } from "../oci/types.js";
import { isAttestation } from "./content.js";

/**
 * A choice of the best manifest for each of `platforms`, with what is attested of it.
 * @param name how errors call the image
 */
export function choosePlatforms(
  platforms: readonly Platform[],
  name: string,
): (index: ImageIndex) => readonly Descriptor[] {
  return ({ manifests }) => {
    const images = manifests.filter((entry) => !isAttestation(entry));
    const chosen = new Set(platforms.map((platform) => choosePlatform(images, platform, name)));
    const digests = new Set([...chosen].map(({ digest }): string => digest));
    return manifests.filter(
      (entry) =>
        chosen.has(entry) ||
        (isAttestation(entry) && digests.has(entry.annotations?.["vnd.docker.reference.digest"] ?? "")),
    );
  };
}

/** Of `manifests`, the one for `platform` itself. */
export function exactly(manifests: readonly Descriptor[], platform: Platform): Descriptor | undefined {
  return manifests.find((entry) => entry.platform !== undefined && samePlatform(entry.platform, platform));
}
