/**
 * An entry of a shared cache: the recipe of a step (docs/decisions/0012), and all layers from the base image up to it. It is
 * a document that stands by itself, in the form of an OCI manifest, because registries take nothing else; folders hold the
 * same bytes.
 */
import { type CacheKey, type StepKeyParts, stepKey } from "../cache/key.js";
import { OcibuildError } from "../errors.js";
import { type DiffId, digestOf } from "../oci/digest.js";
import { MEDIA_TYPES, parseLayerMediaType } from "../oci/media-types.js";
import type { Descriptor } from "../oci/types.js";
import { canonicalJson, type JsonObject } from "../util/canonical-json.js";
import { decodeStrictJson, MAX_DOCUMENT_BYTES } from "../util/strict-json.js";

/** A layer by what it is, and when the step that made it first ran, seconds since 1970. */
export interface StackLayer {
  readonly diffId: DiffId;
  readonly createdSeconds: number;
}

/** What a recipe came to. */
export type EntryResult =
  /** The layers above the base image, lowest first. */
  | { readonly stack: readonly StackLayer[] }
  /** A digest over files of layers, which other recipes are made of; of a list of files, the key of the step that read them. */
  | { readonly digest: string };

export interface EntryLayer {
  readonly descriptor: Descriptor;
  /** How it says that the blob was made from the layer's tar: see `compressionSpec`. */
  readonly spec: string;
}

export interface CacheEntry {
  /** With a recipe as parent. */
  readonly parts: StepKeyParts;
  readonly result: EntryResult;
  /** One for each of the stack; `undefined` for a layer that was not kept. */
  readonly layers: readonly (EntryLayer | undefined)[];
}

export const ENTRY_TYPE = "application/vnd.ocibuild.cache.entry.v1";
/** Says in an index which key an entry has. */
export const KEY_ANNOTATION = "dev.ocibuild.cache.key";
/** Says in an index that an entry has all its layers. */
export const COMPLETE_ANNOTATION = "dev.ocibuild.cache.complete";
const RECORD_ANNOTATION = "dev.ocibuild.cache.record";
const COMPRESSION_ANNOTATION = "dev.ocibuild.cache.compression";

/** Of a list of files, which stands where others have their layer. */
export const FILE_LIST_TYPE = "application/vnd.ocibuild.cache.files.v1+gzip";
/** Kinds of entries that make no layer. */
const DIGESTS: ReadonlySet<string> = new Set(["selection", "mount", "files"]);

/** @spec manifest.md#guidance-for-an-empty-descriptor */
export const EMPTY_BYTES: Buffer = Buffer.from("{}");
export const EMPTY_BLOB: Descriptor = {
  mediaType: "application/vnd.oci.empty.v1+json",
  digest: digestOf(EMPTY_BYTES),
  size: EMPTY_BYTES.length,
};

/** An entry as a document of its own. */
export interface EntryDocument {
  readonly key: CacheKey;
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

/** The record of an entry as plain data. */
export function recordOf({ parts, result }: Pick<CacheEntry, "parts" | "result">): JsonObject {
  return { version: 1, parts: { ...parts }, result: { ...result } as unknown as JsonObject };
}

/** Whether every layer of the entry is kept. */
export function isComplete({ layers }: CacheEntry): boolean {
  return layers.every((layer) => layer !== undefined);
}

export function encodeEntry(entry: CacheEntry): EntryDocument {
  const layers = entry.layers.map((layer) =>
    layer === undefined ? EMPTY_BLOB : { ...layer.descriptor, annotations: { [COMPRESSION_ANNOTATION]: layer.spec } },
  );
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.oci.manifest,
    artifactType: ENTRY_TYPE,
    config: EMPTY_BLOB,
    layers: layers.length === 0 ? [EMPTY_BLOB] : layers,
    annotations: { [RECORD_ANNOTATION]: canonicalJson(recordOf(entry)) },
  };
  const bytes = Buffer.from(JSON.stringify(manifest));
  const descriptor = { mediaType: MEDIA_TYPES.oci.manifest, digest: digestOf(bytes), size: bytes.length };
  return { key: stepKey(entry.parts), descriptor, bytes };
}

/**
 * The entry in `bytes`, which must be the one of `key`: its key is computed from what it says it was made of.
 * @throws DOCUMENT_INVALID
 */
export async function decodeEntry(bytes: Uint8Array, key: CacheKey, name: string): Promise<CacheEntry> {
  const { EntryManifestSchema } = await import("./schemas.js");
  const document = `entry ${key.slice(0, 12)} of ${name}`;
  const value = decodeStrictJson(bytes, { document, maxBytes: MAX_DOCUMENT_BYTES });
  if (!EntryManifestSchema.safeParse(value).success) throw invalid(document, "it has not the shape of an entry");
  const { artifactType, layers, annotations } = value as unknown as {
    readonly artifactType: string;
    readonly layers: readonly Descriptor[];
    readonly annotations: Readonly<Record<string, string>>;
  };
  if (artifactType !== ENTRY_TYPE) throw invalid(document, `it is of the type "${artifactType}"`);
  const record = Buffer.from(annotations[RECORD_ANNOTATION] ?? "");
  const { parts, result } = await decodeRecord(decodeStrictJson(record, { document }), document);
  if (stepKey(parts) !== key) throw invalid(document, "its parts give another key");
  if (parts.kind === "files") return { parts, result, layers: layers.map((layer) => fileListBlob(layer, document)) };
  if (!("stack" in result)) return { parts, result, layers: [] };
  if (layers.length !== result.stack.length) throw invalid(document, "it has not one layer for each of its stack");
  return { parts, result, layers: layers.map((layer) => entryLayer(layer, undefined, document)) };
}

/** A record of an entry, from parsed JSON. @throws DOCUMENT_INVALID */
export async function decodeRecord(value: unknown, document: string): Promise<Pick<CacheEntry, "parts" | "result">> {
  const { RecordSchema } = await import("./schemas.js");
  if (!RecordSchema.safeParse(value).success) throw invalid(document, "its record has not the shape of one");
  const { parts, result } = value as { readonly parts: StepKeyParts; readonly result: EntryResult };
  const makesLayers = !DIGESTS.has(parts.kind);
  if (makesLayers !== "stack" in result) throw invalid(document, "its result is none of its kind of step");
  return { parts, result };
}

/**
 * A layer as a document describes it; `undefined` for a stand-in. `spec` is how it was compressed, unless it says so itself.
 * @throws DOCUMENT_INVALID
 */
export function entryLayer(layer: Descriptor, spec: string | undefined, document: string): EntryLayer | undefined {
  const { mediaType, digest, size, annotations = {} } = layer;
  if (digest === EMPTY_BLOB.digest) return undefined;
  const type = parseLayerMediaType(mediaType);
  if (type === undefined || type.foreign) throw invalid(document, `it has a layer that is a "${mediaType}"`);
  const own = Object.hasOwn(annotations, COMPRESSION_ANNOTATION) ? annotations[COMPRESSION_ANNOTATION] : undefined;
  return { descriptor: { mediaType, digest, size }, spec: own ?? spec ?? "" };
}

/** @throws DOCUMENT_INVALID */
function fileListBlob({ mediaType, digest, size }: Descriptor, document: string): EntryLayer {
  if (mediaType !== FILE_LIST_TYPE) throw invalid(document, `its list of files is a "${mediaType}"`);
  return { descriptor: { mediaType, digest, size }, spec: "" };
}

function invalid(document: string, reason: string): OcibuildError<"DOCUMENT_INVALID"> {
  return new OcibuildError("DOCUMENT_INVALID", `${document} is not valid: ${reason}`, { details: { document } });
}
