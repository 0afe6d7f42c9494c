/**
 * Bytes → manifest, index or image config, with every check that must precede trust in them.
 *
 * One document has one meaning: what the descriptor, the HTTP reply and the document itself call it must agree, and no
 * document may be read as another kind. @spec manifest.md, image-index.md, config.md
 */
import { OcibuildError } from "../errors.js";
import {
  decodeStrictJson,
  formatJsonPath,
  isJsonObject,
  type JsonObject,
  type JsonValue,
} from "../util/strict-json.js";
import { digestOf } from "./digest.js";
import { bareMediaType, isIndexMediaType, isManifestMediaType, MEDIA_TYPES } from "./media-types.js";
import type { Descriptor, ImageConfig, ImageIndex, Manifest } from "./types.js";

/** What is known of a document before it is read. */
export interface ExpectedDocument {
  /** How errors name it, for example `manifest of "busybox"`. */
  readonly name: string;
  /** As its descriptor says. */
  readonly mediaType?: string;
  /** As the HTTP reply says; parameters do not matter. */
  readonly contentType?: string;
  /**
   * The bytes come from our own store, which takes only what these functions have passed: shapes are not checked again,
   * and the schemas not loaded.
   */
  readonly validated?: boolean;
  /** How many manifests an index may list. */
  readonly maxChildren?: number;
}

export type ManifestOrIndex =
  | { readonly kind: "manifest"; readonly mediaType: string; readonly manifest: Manifest }
  | { readonly kind: "index"; readonly mediaType: string; readonly index: ImageIndex };

const MAX_LAYERS = 1_000;
const MAX_CHILDREN = 1_000;

/**
 * Reads a manifest or an index, whichever the type or, without one, the shape says.
 * @throws DOCUMENT_INVALID
 */
export async function parseManifestOrIndex(bytes: Uint8Array, expected: ExpectedDocument): Promise<ManifestOrIndex> {
  const object = decodeObject(bytes, expected);
  refuseLookalikes(object, DOCUMENT_KEYS, expected.name, "");
  const mediaType = agreedMediaType(object, expected);
  const isIndex = mediaType === undefined ? "manifests" in object : isIndexMediaType(mediaType);
  if (!isIndex && mediaType !== undefined && !isManifestMediaType(mediaType)) {
    throw invalid(expected.name, `expected the media type of a manifest or an index but got "${mediaType}"`);
  }
  for (const key of isIndex ? ["config", "layers", "fsLayers"] : ["manifests", "fsLayers"]) {
    if (key in object)
      throw invalid(expected.name, `expected ${isIndex ? "an index" : "a manifest"} but it has "${key}"`);
  }
  if (isIndex) {
    return { kind: "index", mediaType: mediaType ?? MEDIA_TYPES.oci.index, index: await toIndex(object, expected) };
  }
  return {
    kind: "manifest",
    mediaType: mediaType ?? MEDIA_TYPES.oci.manifest,
    manifest: await toManifest(object, expected),
  };
}

/** @throws DOCUMENT_INVALID, also when it is an index */
export async function parseManifest(bytes: Uint8Array, expected: ExpectedDocument): Promise<Manifest> {
  const document = await parseManifestOrIndex(bytes, expected);
  if (document.kind === "manifest") return document.manifest;
  throw invalid(expected.name, "expected a manifest but got an index");
}

/** @throws DOCUMENT_INVALID, also when it is a manifest */
export async function parseIndex(bytes: Uint8Array, expected: ExpectedDocument): Promise<ImageIndex> {
  const document = await parseManifestOrIndex(bytes, expected);
  if (document.kind === "index") return document.index;
  throw invalid(expected.name, "expected an index but got a manifest");
}

/**
 * Reads the config of an image with `layerCount` layers.
 * @throws DOCUMENT_INVALID
 */
export async function parseImageConfig(
  bytes: Uint8Array,
  expected: ExpectedDocument & { readonly layerCount: number },
): Promise<ImageConfig> {
  const object = decodeObject(bytes, expected);
  refuseLookalikes(object, ["architecture", "config", "history", "os", "rootfs"], expected.name, "");
  const { rootfs, history = null } = object;
  const shaped =
    isJsonObject(rootfs) && isList(rootfs["diff_ids"]) && isList(history) && (history ?? []).every(isJsonObject);
  if (expected.validated !== true || !shaped) {
    check((await import("./schemas.js")).ImageConfigSchema, object, expected.name);
  }
  const config = normalizeConfig(object);
  const count = config.rootfs.diff_ids.length;
  if (count !== expected.layerCount) {
    throw invalid(expected.name, `expected ${expected.layerCount} diff_ids, one for each layer, but got ${count}`);
  }
  return config;
}

/**
 * The content that a descriptor carries in itself, checked; `undefined` when it carries none.
 * @throws DOCUMENT_INVALID
 */
export function embeddedData(descriptor: Descriptor, document: string): Buffer | undefined {
  if (descriptor.data === undefined) return undefined;
  const bytes = Buffer.from(descriptor.data, "base64");
  if (
    bytes.toString("base64") !== descriptor.data ||
    bytes.length !== descriptor.size ||
    digestOf(bytes) !== descriptor.digest
  ) {
    throw invalid(document, `the "data" of ${descriptor.digest} is not its content`);
  }
  return bytes;
}

const DOCUMENT_KEYS: readonly string[] = [
  "schemaVersion",
  "mediaType",
  "artifactType",
  "config",
  "layers",
  "manifests",
  "fsLayers",
  "subject",
  "annotations",
];
const DESCRIPTOR_KEYS: readonly string[] = [
  "mediaType",
  "digest",
  "size",
  "urls",
  "annotations",
  "data",
  "platform",
  "artifactType",
];

function decodeObject(bytes: Uint8Array, expected: ExpectedDocument): JsonObject {
  const value = decodeStrictJson(bytes, { document: expected.name });
  if (!isJsonObject(value)) throw invalid(expected.name, "expected an object");
  return value;
}

/** Readers written in Go ignore the case of keys: `Layers` would be `layers` to them and unknown to us. */
function refuseLookalikes(object: JsonObject, known: readonly string[], document: string, path: string): void {
  for (const key of Object.keys(object)) {
    if (known.includes(key)) continue;
    const folded = key.toLowerCase().replaceAll("\u017f", "s").replaceAll("\u212a", "k");
    const twin = known.find((name) => name.toLowerCase() === folded);
    if (twin !== undefined) throw invalid(document, `expected the key "${twin}" but got "${key}"${path}`);
  }
}

function agreedMediaType(object: JsonObject, expected: ExpectedDocument): string | undefined {
  const inside = object["mediaType"] ?? undefined;
  if (inside !== undefined && typeof inside !== "string") throw invalid(expected.name, "expected a string (mediaType)");
  const sayings = [
    { who: "its descriptor", mediaType: expected.mediaType },
    {
      who: "the Content-Type",
      mediaType: expected.contentType === undefined ? undefined : bareMediaType(expected.contentType),
    },
    { who: "the document", mediaType: inside },
  ].filter((saying) => saying.mediaType !== undefined);
  const first = sayings[0];
  const other = sayings.find((saying) => saying.mediaType !== first?.mediaType);
  if (first !== undefined && other !== undefined) {
    throw invalid(
      expected.name,
      `${first.who} says it is "${first.mediaType}" but ${other.who} says it is "${other.mediaType}"`,
    );
  }
  return first?.mediaType;
}

async function toManifest(object: JsonObject, expected: ExpectedDocument): Promise<Manifest> {
  // Even a document of our own store may be another than the one that was meant, when somebody edited `index.json`.
  const shaped =
    isJsonObject(object["config"]) && isList(object["layers"]) && (object["layers"] ?? []).every(isJsonObject);
  if (expected.validated !== true || !shaped) {
    check((await import("./schemas.js")).ManifestSchema, object, expected.name);
  }
  const layers = (object["layers"] ?? []) as readonly JsonObject[];
  if (layers.length > MAX_LAYERS)
    throw invalid(expected.name, `expected at most ${MAX_LAYERS} layers but got ${layers.length}`);
  return {
    ...withoutNulls(object, ["mediaType", "artifactType", "subject", "annotations"]),
    config: toDescriptor(object["config"] as JsonObject, expected.name, "config"),
    layers: layers.map((layer, at) => toDescriptor(layer, expected.name, `layers[${at}]`)),
  } as unknown as Manifest;
}

async function toIndex(object: JsonObject, expected: ExpectedDocument): Promise<ImageIndex> {
  const shaped = isList(object["manifests"]) && (object["manifests"] ?? []).every(isJsonObject);
  if (expected.validated !== true || !shaped) {
    check((await import("./schemas.js")).ImageIndexSchema, object, expected.name);
  }
  const manifests = (object["manifests"] ?? []) as readonly JsonObject[];
  const limit = expected.maxChildren ?? MAX_CHILDREN;
  if (manifests.length > limit) {
    throw invalid(expected.name, `expected at most ${limit} manifests but got ${manifests.length}`);
  }
  return {
    ...withoutNulls(object, ["mediaType", "artifactType", "subject", "annotations"]),
    manifests: manifests.map((manifest, at) => toDescriptor(manifest, expected.name, `manifests[${at}]`)),
  } as unknown as ImageIndex;
}

function toDescriptor(object: JsonObject, document: string, path: string): Descriptor {
  refuseLookalikes(object, DESCRIPTOR_KEYS, document, ` (${path})`);
  const platform = object["platform"];
  const descriptor = {
    ...withoutNulls(object, ["annotations", "platform", "urls", "artifactType", "data"]),
    ...(isJsonObject(platform) ? { platform: withoutNulls(platform, ["variant", "os.version", "os.features"]) } : {}),
  } as unknown as Descriptor;
  embeddedData(descriptor, document);
  return descriptor;
}

function normalizeConfig(object: JsonObject): ImageConfig {
  const rootfs = object["rootfs"] as JsonObject;
  const config = object["config"];
  const history = object["history"];
  return {
    ...withoutNulls(object, ["variant", "os.version", "os.features", "created", "author", "config", "history"]),
    ...(isJsonObject(config) ? { config: normalizeExecutionConfig(config) } : {}),
    ...(Array.isArray(history)
      ? { history: history.map((entry) => withoutNulls(entry as JsonObject, Object.keys(entry as JsonObject))) }
      : {}),
    rootfs: { ...rootfs, diff_ids: rootfs["diff_ids"] ?? [] },
  } as unknown as ImageConfig;
}

function normalizeExecutionConfig(config: JsonObject): JsonObject {
  const kept = withoutNulls(config, Object.keys(config));
  const health = kept["Healthcheck"];
  const sets = ["ExposedPorts", "Volumes"].flatMap((key) => {
    const set = kept[key];
    return isJsonObject(set) ? [[key, Object.fromEntries(Object.keys(set).map((name) => [name, {}]))] as const] : [];
  });
  return {
    ...kept,
    ...(isJsonObject(health) ? { Healthcheck: withoutNulls(health, Object.keys(health)) } : {}),
    ...Object.fromEntries(sets),
  };
}

/** An array, or the `null` that Go writes for an empty one. */
function isList(value: JsonValue | undefined): value is readonly JsonValue[] | null {
  return value === null || Array.isArray(value);
}

function withoutNulls(object: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([key, value]) => value !== null || !keys.includes(key)));
}

interface Schema {
  safeParse(value: unknown): { success: boolean; error?: { issues: readonly Issue[] } | undefined };
}
interface Issue {
  readonly code?: string;
  readonly expected?: unknown;
  readonly message: string;
  readonly path: readonly PropertyKey[];
}

function check(schema: Schema, object: JsonObject, document: string): void {
  const issue = schema.safeParse(object).error?.issues[0];
  if (issue === undefined) return;
  let got: JsonValue | undefined = object;
  for (const step of issue.path) {
    got = typeof got === "object" && got !== null ? (got as Record<PropertyKey, JsonValue>)[step] : undefined;
  }
  const wanted =
    issue.message.startsWith("expected") || typeof issue.expected !== "string"
      ? issue.message
      : `expected ${issue.expected}`;
  const shown = got === undefined ? "nothing" : (JSON.stringify(got).slice(0, 80) ?? "nothing");
  throw invalid(document, `${wanted} but got ${shown} (${formatJsonPath(issue.path)})`);
}

function invalid(document: string, reason: string): OcibuildError {
  return new OcibuildError("DOCUMENT_INVALID", `${document} is not valid: ${reason}`, { details: { document } });
}
