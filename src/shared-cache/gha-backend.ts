/**
 * A shared cache in the cache service of GitHub Actions (docs/decisions/0012). What is written there stays as it is: layers and
 * large documents have the names of their digests, and the index, which holds all other documents, a new name for each of its
 * states. Loaded when one is named.
 */
import type { CacheKey } from "../cache/key.js";
import { isOcibuildError, OcibuildError } from "../errors.js";
import { type Clock, systemClock } from "../http/clock.js";
import type { Abortable, BlobReader } from "../oci/blobs.js";
import { embeddedData } from "../oci/documents.js";
import type { Descriptor } from "../oci/types.js";
import { readBlob } from "../oci/verified-blob.js";
import type { DocumentCache } from "../registry/resolver.js";
import { MAX_DOCUMENT_BYTES } from "../util/strict-json.js";
import type { CacheReader, CacheWriter } from "./backend.js";
import { decodeEntry } from "./entry.js";
import type { GhaClientOptions } from "./gha-connection.js";
import { documentName, type GhaPlace, layerName } from "./gha-place.js";
import { publishNumbered } from "./gha-publish.js";
import { GhaStore } from "./gha-store.js";
import { isInFront } from "./publish-index.js";
import { type IndexedEntry, mergeEntries } from "./registry-layout.js";

/** What a reader waits when the service is busy, and what a writer does: rates are limited by the minute. */
const READ_WAIT_MS = 20_000;
const WRITE_WAIT_MS = 120_000;
/** Larger documents are entries of their own. */
const MAX_EMBEDDED = 16 * 1024;
/** An export may be cut off: now and then it makes known what it wrote. */
const PUBLISH_MS = 60_000;

/**
 * Opens the cache at `place`: what jobs of this branch wrote, and of those that it may read besides. `documents` keeps
 * entries from build to build.
 * @throws IMAGE_NOT_FOUND when there is none; REGISTRY_…, DOCUMENT_INVALID
 */
export async function openGhaCache(
  place: GhaPlace,
  clientOptions: GhaClientOptions,
  documents: DocumentCache,
  options: Abortable,
): Promise<CacheReader> {
  const store = new GhaStore(place, clientOptions, READ_WAIT_MS);
  const indexes = await Promise.all(place.indexes.map((prefix) => store.newestIndex(prefix, options)));
  if (indexes.every((index) => index === undefined)) {
    throw new OcibuildError("IMAGE_NOT_FOUND", `there is no cache in ${place.title}`, {
      details: { reference: place.title },
    });
  }
  const listed = byKey(indexes.flatMap((index) => index?.entries ?? []));
  const name = `cache ${place.title}`;
  return {
    async find(key, opts) {
      const descriptor = listed.get(key)?.descriptor;
      if (descriptor === undefined) return undefined;
      const known = embeddedData(descriptor, name) ?? (await documents.read(descriptor.digest, opts));
      if (known !== undefined) return decodeEntry(known, key, name);
      const bytes = await readDocument(store, descriptor, opts);
      if (bytes === undefined) return undefined;
      await documents.write(descriptor, bytes, opts);
      return decodeEntry(bytes, key, name);
    },
    layers: {
      has: (blob, opts = {}) => store.hasContent(layerName(blob.digest), opts),
      copyTo: (target, blob, opts = {}) =>
        target.write(blob, store.readContent(layerName(blob.digest), blob, opts), opts),
    },
  };
}

/** Opens the cache at `place` for writing; there may be none yet. @throws REGISTRY_… */
export async function ghaCacheWriter(
  place: GhaPlace,
  clientOptions: GhaClientOptions,
  options: Abortable,
): Promise<CacheWriter> {
  const { ownIndex } = place;
  if (ownIndex === undefined) {
    throw new OcibuildError("REGISTRY_CREDENTIALS", "the token of the job may read caches but write none", {
      details: { host: place.url.host },
    });
  }
  const clock: Clock = clientOptions.clock ?? systemClock;
  const store = new GhaStore(place, clientOptions, WRITE_WAIT_MS);
  let own = await store.newestOrEmpty(ownIndex, options);
  const others = await Promise.all(
    place.indexes.filter((prefix) => prefix !== ownIndex).map((prefix) => store.newestOrEmpty(prefix, options)),
  );
  const known = byKey([own, ...others].flatMap(({ entries }) => entries));
  const written = new Map<CacheKey, IndexedEntry>();
  const unpublished = new Set<CacheKey>();
  let publishedMs = clock.monotonicMs();
  let publishing: Promise<void> = Promise.resolve();

  const publish = async (first: readonly IndexedEntry[], opts: Abortable): Promise<void> => {
    unpublished.clear();
    publishedMs = clock.monotonicMs();
    const numbered = {
      newest: (limited: Abortable) => store.newestOrEmpty(ownIndex, limited),
      at: (number: number, limited: Abortable) => store.indexAt(ownIndex, number, limited),
      write: (number: number, entries: readonly IndexedEntry[], limited: Abortable) =>
        store.writeIndex(ownIndex, number, entries, limited),
    };
    own = await publishNumbered(numbered, own, first, clock, opts);
  };

  return {
    async presence(key) {
      const entry = known.get(key);
      return entry === undefined ? "nothing" : entry.isComplete ? "complete" : "incomplete";
    },
    writeLayer: (layer, blobs, opts) =>
      store.writeContent(layerName(layer.digest), layer.size, () => blobs.open(layer, opts), opts),
    async writeEntry({ key, descriptor, bytes }, isComplete, opts) {
      const isSmall = bytes.length <= MAX_EMBEDDED;
      if (!isSmall) await store.writeContent(documentName(descriptor.digest), bytes.length, () => [bytes], opts);
      const data = isSmall ? { data: bytes.toString("base64") } : {};
      written.set(key, { key, descriptor: { ...descriptor, ...data }, isComplete });
      unpublished.add(key);
      if (clock.monotonicMs() - publishedMs < PUBLISH_MS) return;
      publishing = publishing.then(() => publish([...written.values()], opts));
      await publishing;
    },
    async finish(used, opts) {
      const there = byKey(own.entries);
      const first = used.flatMap((key) => written.get(key) ?? there.get(key) ?? []);
      if (unpublished.size > 0 || !isInFront(own.entries, first)) await publish(first, opts);
    },
  };
}

/** The first of each key, and a complete one rather than an incomplete one. */
function byKey(entries: readonly IndexedEntry[]): ReadonlyMap<CacheKey, IndexedEntry> {
  return new Map(mergeEntries(entries, []).map((entry) => [entry.key, entry]));
}

/** `undefined` when the service has thrown it away. */
async function readDocument(store: GhaStore, descriptor: Descriptor, options: Abortable): Promise<Buffer | undefined> {
  const blobs: BlobReader = {
    has: (blob, opts = {}) => store.hasContent(documentName(blob.digest), opts),
    open: (blob, opts = {}) => store.readContent(documentName(blob.digest), blob, opts),
  };
  try {
    return await readBlob(blobs, descriptor, MAX_DOCUMENT_BYTES, options);
  } catch (error) {
    if (isOcibuildError(error, "BLOB_NOT_FOUND")) return undefined;
    throw error;
  }
}
