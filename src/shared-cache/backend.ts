/** What a place for a shared cache has to offer. An entry stands by itself: writers never have to agree on anything. */
import type { FetchSource } from "../cache/fetching-reader.js";
import type { CacheKey } from "../cache/key.js";
import type { Abortable, BlobReader } from "../oci/blobs.js";
import type { Descriptor } from "../oci/types.js";
import type { CacheEntry, EntryDocument } from "./entry.js";

export interface CacheReader {
  /** The entry under `key`; `undefined` when there is none. @throws DOCUMENT_INVALID, REGISTRY_…, STORE_UNUSABLE */
  find(key: CacheKey, options: Abortable): Promise<CacheEntry | undefined>;
  /** Reads the layers that its entries name. */
  readonly layers: FetchSource;
}

/** How much of an entry a place has already. */
export type EntryPresence = "nothing" | "incomplete" | "complete";

export interface CacheWriter {
  /** What is known of the entry under `key`; no request is made for each. */
  presence(key: CacheKey): Promise<EntryPresence>;
  /** Brings a layer there, unless it is there. */
  writeLayer(layer: Descriptor, blobs: BlobReader, options: Abortable): Promise<void>;
  /** Writes an entry, whose layers are there; one of the same key is replaced, no other is touched. */
  writeEntry(entry: EntryDocument, isComplete: boolean, options: Abortable): Promise<void>;
  /** Ends the writing: `used` are the keys of this build, newest use first. */
  finish(used: readonly CacheKey[], options: Abortable): Promise<void>;
}
