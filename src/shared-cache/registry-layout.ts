/**
 * Where a shared cache lies in a repository (docs/decisions/0012): the tag names an index, the union of what was exported,
 * and every entry has a tag of its own, so that an entry that a lost update took out of the index is still found.
 */
import type { CacheKey } from "../cache/key.js";
import { isKey } from "../cache/key.js";
import { MEDIA_TYPES } from "../oci/media-types.js";
import type { Descriptor, ImageIndex } from "../oci/types.js";
import { MAX_DOCUMENT_BYTES } from "../util/strict-json.js";
import { COMPLETE_ANNOTATION, ENTRY_TYPE, KEY_ANNOTATION } from "./entry.js";

export const INDEX_TYPE = "application/vnd.ocibuild.cache.index.v1";

/** Most entries of an index; what was not used for longest leaves it first, and keeps its tag. */
const MAX_ENTRIES = 900;
/** Registries take 4 MiB; an entry has about 400 bytes. */
const MAX_BYTES = MAX_DOCUMENT_BYTES / 2;
/** Hex digits of the key in a tag: enough to be unique, and the entry says its whole key. */
const TAG_DIGITS = 40;
const MAX_TAG = 128;

/** Longest tag that a cache can have. */
export const MAX_CACHE_TAG: number = MAX_TAG - TAG_DIGITS - 1;

export function entryTag(tag: string, key: CacheKey): string {
  return `${tag}-${key.slice(0, TAG_DIGITS)}`;
}

export interface IndexedEntry {
  readonly key: CacheKey;
  readonly descriptor: Descriptor;
  readonly isComplete: boolean;
}

export function isCacheIndex(index: ImageIndex): boolean {
  return index.artifactType === INDEX_TYPE;
}

/** The entries of an index, in its order; what is none is left out. */
export function entriesOf(index: ImageIndex): readonly IndexedEntry[] {
  return index.manifests.flatMap(({ mediaType, digest, size, data, artifactType, annotations = {} }) => {
    const key = Object.hasOwn(annotations, KEY_ANNOTATION) ? annotations[KEY_ANNOTATION]! : "";
    if (!isKey(key) || artifactType !== ENTRY_TYPE) return [];
    const isComplete = Object.hasOwn(annotations, COMPLETE_ANNOTATION);
    const descriptor = { mediaType, digest, size, ...(data === undefined ? {} : { data }) };
    return [{ key: key as CacheKey, descriptor, isComplete }];
  });
}

/** `own` before `others`, each key once: a complete entry rather than an incomplete one. */
export function mergeEntries(own: readonly IndexedEntry[], others: readonly IndexedEntry[]): readonly IndexedEntry[] {
  const merged = new Map<CacheKey, IndexedEntry>();
  for (const entry of [...own, ...others]) {
    const known = merged.get(entry.key);
    if (known === undefined || (entry.isComplete && !known.isComplete)) merged.set(entry.key, entry);
  }
  return [...merged.values()];
}

/** The index of `entries`, newest use first; as many as fit. */
export function encodeCacheIndex(entries: readonly IndexedEntry[], maxBytes: number = MAX_BYTES): Buffer {
  const index = { schemaVersion: 2, mediaType: MEDIA_TYPES.oci.index, artifactType: INDEX_TYPE };
  const manifests: object[] = [];
  let bytes = Buffer.byteLength(JSON.stringify({ ...index, manifests }));
  for (const { key, descriptor, isComplete } of entries.slice(0, MAX_ENTRIES)) {
    const annotations = { [KEY_ANNOTATION]: key, ...(isComplete ? { [COMPLETE_ANNOTATION]: "true" } : {}) };
    const manifest = { ...descriptor, artifactType: ENTRY_TYPE, annotations };
    bytes += Buffer.byteLength(JSON.stringify(manifest)) + 1;
    if (bytes > maxBytes) break;
    manifests.push(manifest);
  }
  return Buffer.from(JSON.stringify({ ...index, manifests }));
}
