/**
 * Media types of the image specification and of Docker's image format, and what they say of a document or layer.
 * @spec media-types.md
 */

/** Which of the two families a document speaks. */
export type MediaTypeFamily = "oci" | "docker";
export type LayerCompression = "gzip" | "zstd" | "uncompressed";

/** Of the documents that are not layers. */
export const MEDIA_TYPES: Readonly<Record<MediaTypeFamily, Readonly<Record<"index" | "manifest" | "config", string>>>> =
  {
    oci: {
      index: "application/vnd.oci.image.index.v1+json",
      manifest: "application/vnd.oci.image.manifest.v1+json",
      config: "application/vnd.oci.image.config.v1+json",
    },
    docker: {
      index: "application/vnd.docker.distribution.manifest.list.v2+json",
      manifest: "application/vnd.docker.distribution.manifest.v2+json",
      config: "application/vnd.docker.container.image.v1+json",
    },
  };

/** What a registry is asked for: every manifest and index type that can be read. */
export const MANIFEST_MEDIA_TYPES: readonly string[] = [
  MEDIA_TYPES.oci.index,
  MEDIA_TYPES.docker.index,
  MEDIA_TYPES.oci.manifest,
  MEDIA_TYPES.docker.manifest,
];

/** What a layer's media type says. */
export interface LayerMediaType {
  readonly family: MediaTypeFamily;
  readonly compression: LayerCompression;
  /** Not to be pushed: Docker's foreign layers, the specification's (deprecated) non-distributable ones. */
  readonly foreign: boolean;
}

const OCI_LAYER = "application/vnd.oci.image.layer.v1.tar";
const OCI_FOREIGN = "application/vnd.oci.image.layer.nondistributable.v1.tar";
const DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar";
const DOCKER_FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar";

const SUFFIXES: Record<MediaTypeFamily, Record<LayerCompression, string>> = {
  oci: { gzip: "+gzip", zstd: "+zstd", uncompressed: "" },
  docker: { gzip: ".gzip", zstd: ".zstd", uncompressed: "" },
};

const COMPRESSIONS: readonly LayerCompression[] = ["gzip", "zstd", "uncompressed"];

const LAYERS: ReadonlyMap<string, LayerMediaType> = new Map(
  (["oci", "docker"] as const).flatMap((family) =>
    [false, true].flatMap((foreign) =>
      COMPRESSIONS.map((compression): [string, LayerMediaType] => [
        layerMediaType({ family, compression, foreign }),
        { family, compression, foreign },
      ]),
    ),
  ),
);

/** The media type of such a layer. */
export function layerMediaType(layer: LayerMediaType): string {
  const { family, compression, foreign } = layer;
  const base = family === "oci" ? (foreign ? OCI_FOREIGN : OCI_LAYER) : foreign ? DOCKER_FOREIGN : DOCKER_LAYER;
  return base + SUFFIXES[family][compression];
}

/** What `mediaType` says of a layer; `undefined` when it names no layer that can be read. */
export function parseLayerMediaType(mediaType: string): LayerMediaType | undefined {
  return LAYERS.get(mediaType);
}

export function isManifestMediaType(mediaType: string): boolean {
  return mediaType === MEDIA_TYPES.oci.manifest || mediaType === MEDIA_TYPES.docker.manifest;
}

export function isIndexMediaType(mediaType: string): boolean {
  return mediaType === MEDIA_TYPES.oci.index || mediaType === MEDIA_TYPES.docker.index;
}

export function isConfigMediaType(mediaType: string): boolean {
  return mediaType === MEDIA_TYPES.oci.config || mediaType === MEDIA_TYPES.docker.config;
}

/** The type without parameters, as an HTTP `Content-Type` may have them. */
export function bareMediaType(contentType: string): string {
  return contentType.split(";", 1)[0]!.trim().toLowerCase();
}
