/** Makes the union index tell of what a build used, where nobody has locks or compare-and-swap. */
import type { CacheKey } from "../cache/key.js";
import type { Abortable } from "../oci/blobs.js";
import { type IndexedEntry, mergeEntries } from "./registry-layout.js";

export interface ReadIndex {
  /** Of the document; `undefined` when there is none. */
  readonly digest: string | undefined;
  readonly entries: readonly IndexedEntry[];
}

export interface IndexPlace {
  read(options: Abortable): Promise<ReadIndex>;
  /** Returns the digest of what it wrote. */
  write(entries: readonly IndexedEntry[], options: Abortable): Promise<string>;
}

/** How often the index is merged anew after somebody else wrote it. */
const MERGES = 5;
/** Entries of this build that lie deeper in the index are moved to its front. */
const FRONT = 450;

/** `own` are the entries of this build, newest use first; with `isNew` the index lacks some, or has older ones. */
export async function publishIndex(
  place: IndexPlace,
  existing: ReadIndex,
  own: readonly IndexedEntry[],
  isNew: boolean,
  options: Abortable,
): Promise<void> {
  if (!isNew && isInFront(existing.entries, own)) return;
  let others = existing.entries;
  for (let merge = 0; merge < MERGES; merge++) {
    const digest = await place.write(mergeEntries(own, others), options);
    const now = await place.read(options);
    const there = new Set(now.entries.map(({ key }) => key));
    if (now.digest === digest || own.every(({ key }) => there.has(key))) return;
    others = now.entries;
  }
}

/** Whether all of `own` are among those of the index that leave it last. */
export function isInFront(existing: readonly IndexedEntry[], own: readonly IndexedEntry[]): boolean {
  const front = new Set<CacheKey>(existing.slice(0, FRONT).map(({ key }) => key));
  return own.every(({ key }) => front.has(key));
}
