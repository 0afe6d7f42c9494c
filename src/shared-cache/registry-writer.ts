/**
 * Writes a shared cache to a registry. Layers first, then each entry under a tag of its own, then the index, which is merged
 * with what is there. Registries have no compare-and-swap: an index that another job overwrites is merged once more, and an
 * entry that got lost from it all the same is still found by its tag.
 */
import type { CacheKey } from "../cache/key.js";
import { isOcibuildError, OcibuildError } from "../errors.js";
import type { Abortable } from "../oci/blobs.js";
import { digestOf } from "../oci/digest.js";
import { parseManifestOrIndex } from "../oci/documents.js";
import { MEDIA_TYPES } from "../oci/media-types.js";
import { nameOf, type Reference } from "../oci/reference.js";
import type { Descriptor } from "../oci/types.js";
import type { RegistryClient } from "../registry/client.js";
import { homeEndpoint } from "../registry/hosts.js";
import { registryPusher } from "../registry/push.js";
import { pushScopes } from "../registry/scope.js";
import { ACCEPTED_MANIFESTS, checkManifest, manifestPath } from "../registry/served-manifest.js";
import { MAX_DOCUMENT_BYTES } from "../util/strict-json.js";
import type { CacheWriter } from "./backend.js";
import { EMPTY_BLOB, EMPTY_BYTES } from "./entry.js";
import { publishIndex, type ReadIndex } from "./publish-index.js";
import {
  encodeCacheIndex,
  entriesOf,
  entryTag,
  type IndexedEntry,
  isCacheIndex,
  MAX_CACHE_TAG,
} from "./registry-layout.js";

const SETTLING_TRIES = 5;
const SETTLING_MS = 100;

export interface RegistryWriterOptions extends Abortable {
  /** A repository of the same registry that may have a layer already. */
  readonly mountFrom: (layer: Descriptor) => string | undefined;
}

/** Opens the cache that `reference` names for writing; there may be none yet. @throws REGISTRY_…, REFERENCE_INVALID */
export async function registryCacheWriter(
  client: RegistryClient,
  reference: Reference,
  { mountFrom, ...options }: RegistryWriterOptions,
): Promise<CacheWriter> {
  const tag = reference.tag!;
  if (tag.length > MAX_CACHE_TAG) {
    throw new OcibuildError("REFERENCE_INVALID", `the tag of a cache expected at most ${MAX_CACHE_TAG} characters`, {
      details: { reference: `${nameOf(reference)}:${tag}` },
    });
  }
  const pusher = registryPusher(client);
  const existing = await readIndex(client, reference, options);
  const known = new Map(existing.entries.map((entry) => [entry.key, entry]));
  const written = new Map<CacheKey, IndexedEntry>();
  const target = { registry: reference.registry, repository: reference.repository };
  let isEmptyThere = false;

  const push = async (entries: readonly IndexedEntry[], opts: Abortable): Promise<string> => {
    const bytes = encodeCacheIndex(entries);
    const descriptor = { mediaType: MEDIA_TYPES.oci.index, digest: digestOf(bytes), size: bytes.length };
    await pusher.pushManifest({ ...target, tag }, descriptor, bytes, opts);
    return descriptor.digest;
  };

  return {
    async presence(key) {
      const entry = known.get(key);
      if (entry === undefined) return "nothing";
      return entry.isComplete ? "complete" : "incomplete";
    },
    async writeLayer(layer, blobs, opts) {
      const from = mountFrom(layer);
      await pusher.pushBlob(reference, layer, blobs, { ...opts, ...(from === undefined ? {} : { mountFrom: from }) });
    },
    async writeEntry({ key, descriptor, bytes }, isComplete, opts) {
      if (!isEmptyThere) {
        await pusher.pushBlob(reference, EMPTY_BLOB, { has: async () => true, open: emptyBlob }, opts);
        isEmptyThere = true;
      }
      const put = (): Promise<void> =>
        pusher.pushManifest({ ...target, tag: entryTag(tag, key) }, descriptor, bytes, opts);
      await whenSettled(client, put, opts);
      written.set(key, { key, descriptor, isComplete });
    },
    async finish(used, opts) {
      const own = used.flatMap((key) => written.get(key) ?? known.get(key) ?? []);
      const write = (merged: readonly IndexedEntry[], limited: Abortable): Promise<string> =>
        push(merged, limited).catch((error: unknown) => {
          // A registry refuses an index whose entries somebody has removed from it.
          if (!isOcibuildError(error, "REGISTRY_REQUEST") || error.details.retryable) throw error;
          return push(own, limited);
        });
      const read = (limited: Abortable): Promise<ReadIndex> => readIndex(client, reference, limited);
      await publishIndex({ read, write }, existing, own, written.size > 0, opts);
    },
  };
}

/** Registries may not see a blob yet that somebody else sends at the same moment: then the manifest is refused, once. */
async function whenSettled(client: RegistryClient, put: () => Promise<void>, { signal }: Abortable): Promise<void> {
  for (let left = SETTLING_TRIES; ; left--) {
    try {
      return await put();
    } catch (error) {
      if (!isOcibuildError(error, "REGISTRY_REQUEST") || error.details.status !== 400 || left === 0) throw error;
      await client.clock.sleep(SETTLING_MS * (1 + client.clock.random()), signal);
    }
  }
}

/** The index as the registry itself has it, no mirror. @throws REFERENCE_INVALID when the tag means an image */
async function readIndex(client: RegistryClient, reference: Reference, { signal }: Abortable): Promise<ReadIndex> {
  const { registry, repository, tag } = reference;
  const reply = await client.fetch(
    homeEndpoint(client.hosts, registry),
    {
      method: "GET",
      target: manifestPath(repository, tag!),
      headers: { accept: ACCEPTED_MANIFESTS },
      scopes: pushScopes(repository),
      expect: [200, 404],
      ...(signal === undefined ? {} : { signal }),
    },
    MAX_DOCUMENT_BYTES,
  );
  if (reply.status === 404) return { digest: undefined, entries: [] };
  const name = `${nameOf(reference)}:${tag}`;
  const { descriptor, bytes } = await checkManifest(nameOf(reference), tag!, reply);
  const document = await parseManifestOrIndex(bytes, { name, mediaType: descriptor.mediaType });
  if (document.kind === "index" && isCacheIndex(document.index)) {
    return { digest: descriptor.digest, entries: entriesOf(document.index) };
  }
  throw new OcibuildError("REFERENCE_INVALID", `"${name}" is an image, which a cache would replace`, {
    details: { reference: name },
    hint: "Give the cache a tag of its own.",
  });
}

async function* emptyBlob(): AsyncGenerator<Buffer> {
  yield EMPTY_BYTES;
}
