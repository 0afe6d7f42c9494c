/**
 * Config, layers and history → a finished image; finished images → an index. Pure: same input, same digests.
 * @spec manifest.md, config.md, image-index.md
 */
import { OcibuildError } from "../errors.js";
import type { JsonObject } from "../util/canonical-json.js";
import { digestOf } from "./digest.js";
import { encodeImageConfig, encodeIndex, encodeManifest } from "./encode.js";
import { layerMediaType, MEDIA_TYPES, type MediaTypeFamily, parseLayerMediaType } from "./media-types.js";
import { normalizePlatform } from "./platform.js";
import type {
  Descriptor,
  ExecutionConfig,
  HistoryEntry,
  Image,
  ImageConfig,
  ImageIndex,
  Layer,
  Manifest,
  Platform,
} from "./types.js";

export interface ImageParts {
  /** Its history and the properties of its config that nobody knows are carried over. */
  readonly base?: Image;
  readonly config: Platform & { readonly author?: string; readonly config: ExecutionConfig };
  /** All layers of the image, base layer first, those of the base included. */
  readonly layers: readonly Layer[];
  /** What is above the base: one entry without `empty_layer` for each layer above it. */
  readonly history: readonly HistoryEntry[];
  /** RFC 3339; absent only for an image that says no time at all. */
  readonly created?: string;
  readonly mediaTypes: MediaTypeFamily;
  /** Further properties of the config. */
  readonly extra?: JsonObject;
  /** Of the manifest; Docker's manifests have none. */
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface IndexParts {
  readonly images: readonly Image[];
  readonly mediaTypes: MediaTypeFamily;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** An index with its exact bytes. */
export interface AssembledIndex {
  readonly descriptor: Descriptor;
  readonly index: ImageIndex;
  readonly bytes: Buffer;
}

/** What a base's config says about how the base was built; it would be false of the new image. */
const STALE_KEYS: ReadonlySet<string> = new Set([
  "id",
  "parent",
  "container",
  "container_config",
  "docker_version",
  "Size",
  "moby.buildkit.cache.v0",
  "moby.buildkit.buildinfo.v1",
  "dev.ocibuild.cache.v1",
]);
const PLATFORM_KEYS: ReadonlySet<string> = new Set(["os", "architecture", "variant", "os.version", "os.features"]);

/**
 * The image of these parts, every document as canonical bytes.
 * @throws LAYER_INVALID when layers and history do not belong together, COMPRESSION_UNSUPPORTED for an unknown layer type
 */
export function assembleImage(parts: ImageParts): Image {
  const history = [...baseHistory(parts.base), ...parts.history];
  const described = history.filter((entry) => entry.empty_layer !== true).length;
  if (described !== parts.layers.length) {
    throw new OcibuildError(
      "LAYER_INVALID",
      `expected history for ${parts.layers.length} layers but got it for ${described}`,
      {
        details: { path: "" },
      },
    );
  }
  const layers = parts.layers.map((layer) => ({ ...layer, descriptor: layerDescriptor(layer, parts.mediaTypes) }));
  const { config: execution, author, ...platform } = parts.config;
  const config: ImageConfig = {
    ...carriedOver(parts.base),
    ...parts.extra,
    ...pickPlatform(platform),
    ...(author === undefined ? {} : { author }),
    ...(parts.created === undefined ? {} : { created: parts.created }),
    config: execution,
    rootfs: { type: "layers", diff_ids: layers.map((layer) => layer.diffId) },
    history,
  };
  const configBytes = encodeImageConfig(config);
  const types = MEDIA_TYPES[parts.mediaTypes];
  const annotated = parts.annotations !== undefined && parts.mediaTypes === "oci";
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: { mediaType: types.config, digest: digestOf(configBytes), size: configBytes.length },
    layers: layers.map((layer) => layer.descriptor),
    ...(annotated ? { annotations: parts.annotations } : {}),
  };
  const manifestBytes = encodeManifest(manifest);
  return {
    descriptor: {
      mediaType: types.manifest,
      digest: digestOf(manifestBytes),
      size: manifestBytes.length,
      platform: normalizePlatform(config),
    },
    manifest,
    manifestBytes,
    config,
    configBytes,
    layers,
  };
}

/** The index of `images`, in their order, each with its platform. */
export function assembleIndex(parts: IndexParts): AssembledIndex {
  const mediaType = MEDIA_TYPES[parts.mediaTypes].index;
  const annotated = parts.annotations !== undefined && parts.mediaTypes === "oci";
  const index: ImageIndex = {
    schemaVersion: 2,
    mediaType,
    manifests: parts.images.map(({ descriptor }) => descriptor),
    ...(annotated ? { annotations: parts.annotations } : {}),
  };
  const bytes = encodeIndex(index);
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, index, bytes };
}

/** The layer's descriptor in the words of `family`. Docker's manifests have no annotations. */
function layerDescriptor({ descriptor }: Layer, family: MediaTypeFamily): Descriptor {
  const type = parseLayerMediaType(descriptor.mediaType);
  if (type === undefined) {
    throw new OcibuildError("COMPRESSION_UNSUPPORTED", `layer media type "${descriptor.mediaType}" is not known`, {
      details: { compression: descriptor.mediaType },
    });
  }
  const { mediaType: _mediaType, annotations, ...rest } = descriptor;
  return {
    mediaType: layerMediaType({ ...type, family }),
    ...rest,
    ...(annotations === undefined || family === "docker" ? {} : { annotations }),
  };
}

/** The base's history, made to agree with its layers: images exist that say too little or too much. */
function baseHistory(base: Image | undefined): HistoryEntry[] {
  if (base === undefined) return [];
  let missing = base.layers.length;
  const history = (base.config.history ?? []).map((entry) => {
    if (entry.empty_layer === true) return entry;
    if (missing === 0) return { ...entry, empty_layer: true };
    missing--;
    return entry;
  });
  const created = base.config.created;
  for (; missing > 0; missing--) {
    history.push({ ...(created === undefined ? {} : { created }), comment: "layer of the base image" });
  }
  return history;
}

function carriedOver(base: Image | undefined): object {
  if (base === undefined) return {};
  const known = new Set([...PLATFORM_KEYS, "config", "rootfs", "history", "created", "author"]);
  return Object.fromEntries(Object.entries(base.config).filter(([key]) => !known.has(key) && !STALE_KEYS.has(key)));
}

function pickPlatform(platform: Platform): Platform {
  return Object.fromEntries(
    Object.entries(platform).filter(([key, value]) => PLATFORM_KEYS.has(key) && value !== undefined),
  ) as unknown as Platform;
}
