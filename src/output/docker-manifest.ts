/** `manifest.json` as `docker save` writes it: what `docker load` needs, and `podman load` where an image has several names. */
import { layoutBlobPath } from "../oci/layout.js";
import { familiarName, type Reference } from "../oci/reference.js";
import type { Image } from "../oci/types.js";

export const DOCKER_MANIFEST_FILE = "manifest.json";

/** The document for one image whose blobs lie where an OCI layout has them. */
export function encodeDockerManifest(image: Image, names: readonly Reference[]): Buffer {
  const entry = {
    Config: layoutBlobPath(image.manifest.config.digest),
    RepoTags: names.flatMap(({ digest: _, ...name }) => (name.tag === undefined ? [] : [familiarName(name)])),
    // One line for each layer, also where two are equal.
    Layers: image.manifest.layers.map((layer) => layoutBlobPath(layer.digest)),
  };
  return Buffer.from(JSON.stringify([entry]), "utf8");
}
