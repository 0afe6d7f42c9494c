/** Reads a shared cache from a registry: one that was exported there, or the inline cache of an image. */
import type { FetchSource } from "../cache/fetching-reader.js";
import type { CacheKey } from "../cache/key.js";
import { isOcibuildError } from "../errors.js";
import type { Abortable } from "../oci/blobs.js";
import { parseManifest, parseManifestOrIndex } from "../oci/documents.js";
import { isManifestMediaType } from "../oci/media-types.js";
import { nameOf, type Reference } from "../oci/reference.js";
import type { ImageIndex, Manifest } from "../oci/types.js";
import type { RegistryClient } from "../registry/client.js";
import { pullBlob, type RegistrySource, registrySource } from "../registry/pull.js";
import type { DocumentCache } from "../registry/resolver.js";
import type { CacheReader } from "./backend.js";
import { type CacheEntry, decodeEntry, isComplete } from "./entry.js";
import { readInline } from "./inline.js";
import { entriesOf, entryTag, isCacheIndex } from "./registry-layout.js";

/** Most images of an index whose inline caches are read. */
const MAX_IMAGES = 16;

/**
 * Opens the cache that `reference` (with a tag) names. `documents` keeps entries from build to build.
 * @throws REGISTRY_…, DOCUMENT_INVALID
 */
export async function openRegistryCache(
  client: RegistryClient,
  reference: Reference,
  documents: DocumentCache,
  options: Abortable,
): Promise<CacheReader> {
  const source = registrySource(client, reference);
  const name = `cache "${nameOf(reference)}:${reference.tag}"`;
  const root = await source.fetchManifest(reference.tag!, options);
  const { mediaType } = root.descriptor;
  const document = await parseManifestOrIndex(root.bytes, { name, mediaType });
  const layers: FetchSource = {
    has: (blob, opts) => source.has(blob, opts),
    copyTo: (target, blob, opts) => pullBlob(source, target, blob, opts),
  };
  if (document.kind === "index" && isCacheIndex(document.index)) {
    return { find: exportedEntries(source, document.index, reference.tag!, name, documents), layers };
  }
  const manifests =
    document.kind === "manifest" ? [document.manifest] : await imagesOf(source, document.index, options);
  const entries = new Map<CacheKey, CacheEntry>();
  for (const manifest of manifests) {
    for (const [key, entry] of await readInline(source, manifest, name, options)) {
      const known = entries.get(key);
      if (known === undefined || !isComplete(known)) entries.set(key, entry);
    }
  }
  return { find: async (key) => entries.get(key), layers };
}

function exportedEntries(
  source: RegistrySource,
  index: ImageIndex,
  tag: string,
  name: string,
  documents: DocumentCache,
): CacheReader["find"] {
  const listed = new Map(entriesOf(index).map((entry) => [entry.key, entry.descriptor]));
  return async (key, options) => {
    const descriptor = listed.get(key);
    if (descriptor !== undefined) {
      const known = await documents.read(descriptor.digest, options);
      if (known !== undefined) return decodeEntry(known, key, name);
      const bytes = await manifestBytes(source, descriptor.digest, options);
      if (bytes !== undefined) {
        await documents.write(descriptor, bytes, options);
        return decodeEntry(bytes, key, name);
      }
      // It was replaced after the index was read, or written, and the registry keeps no manifests without a tag.
    }
    const bytes = await manifestBytes(source, entryTag(tag, key), options);
    return bytes === undefined ? undefined : decodeEntry(bytes, key, name);
  };
}

async function manifestBytes(
  source: RegistrySource,
  reference: string,
  options: Abortable,
): Promise<Buffer | undefined> {
  try {
    return (await source.fetchManifest(reference, options)).bytes;
  } catch (error) {
    if (isOcibuildError(error, "REGISTRY_NOT_FOUND")) return undefined;
    throw error;
  }
}

/** The manifests of an image index. */
async function imagesOf(source: RegistrySource, index: ImageIndex, options: Abortable): Promise<readonly Manifest[]> {
  const manifests: Manifest[] = [];
  for (const { mediaType, digest } of index.manifests.slice(0, MAX_IMAGES)) {
    if (!isManifestMediaType(mediaType)) continue;
    const { bytes } = await source.fetchManifest(digest, options);
    manifests.push(await parseManifest(bytes, { name: `manifest ${digest}`, mediaType }));
  }
  return manifests;
}
