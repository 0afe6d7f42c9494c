/**
 * A shared cache in a bucket (docs/decisions/0012): one object for each entry, the index as in a registry, and layers by their
 * digests, which are what their requests are signed with. Loaded when one is named.
 */
import type { CacheKey } from "../cache/key.js";
import { isOcibuildError, OcibuildError } from "../errors.js";
import type { Abortable } from "../oci/blobs.js";
import { digestOf, hexOf } from "../oci/digest.js";
import { parseManifestOrIndex } from "../oci/documents.js";
import { MEDIA_TYPES } from "../oci/media-types.js";
import type { Descriptor } from "../oci/types.js";
import type { DocumentCache } from "../registry/resolver.js";
import { MAX_DOCUMENT_BYTES } from "../util/strict-json.js";
import type { CacheReader, CacheWriter } from "./backend.js";
import { decodeEntry } from "./entry.js";
import { publishIndex, type ReadIndex } from "./publish-index.js";
import { encodeCacheIndex, entriesOf, type IndexedEntry, isCacheIndex } from "./registry-layout.js";
import { type S3Client, type S3ClientOptions, type S3Content, s3Client } from "./s3-client.js";
import type { S3Place } from "./s3-place.js";

/** What one request may bring; more would take the protocol of uploads in parts. */
const MAX_OBJECT_BYTES = 5 * 1024 ** 3;

/**
 * Opens the cache at `place`. `documents` keeps entries from build to build.
 * @throws IMAGE_NOT_FOUND when there is none; REGISTRY_…, DOCUMENT_INVALID
 */
export async function openS3Cache(
  place: S3Place,
  clientOptions: S3ClientOptions,
  documents: DocumentCache,
  options: Abortable,
): Promise<CacheReader> {
  const client = s3Client(place, clientOptions);
  const name = `cache ${place.title}`;
  const index = await readIndex(client, place, options);
  if (index.digest === undefined) {
    throw new OcibuildError("IMAGE_NOT_FOUND", `there is no cache in ${place.title}`, {
      details: { reference: place.title },
    });
  }
  const listed = new Map(index.entries.map((entry) => [entry.key, entry.descriptor]));
  return {
    async find(key, opts) {
      const descriptor = listed.get(key);
      const known = descriptor === undefined ? undefined : await documents.read(descriptor.digest, opts);
      if (known !== undefined) return decodeEntry(known, key, name);
      const bytes = await readDocument(client, place.entryUrl(key), opts);
      if (bytes === undefined) return undefined;
      const entry = await decodeEntry(bytes, key, name);
      await documents.write(descriptorOf(MEDIA_TYPES.oci.manifest, bytes), bytes, opts);
      return entry;
    },
    layers: {
      has: async (blob, opts = {}) => (await client.sizeOf(place.blobUrl(blob.digest), opts)) === blob.size,
      async copyTo(target, blob, opts = {}) {
        const url = place.blobUrl(blob.digest);
        const done = await client.read(
          url,
          async ({ body }) => {
            await target.write(blob, body, opts);
            return true;
          },
          opts,
        );
        if (done !== true) {
          throw new OcibuildError("BLOB_NOT_FOUND", `layer ${blob.digest} is not in ${place.title}`, {
            details: { digest: blob.digest },
          });
        }
      },
    },
  };
}

/** Opens the cache at `place` for writing; there may be none yet. @throws REGISTRY_… */
export async function s3CacheWriter(
  place: S3Place,
  clientOptions: S3ClientOptions,
  options: Abortable,
): Promise<CacheWriter> {
  const client = s3Client(place, clientOptions);
  const read = (opts: Abortable): Promise<ReadIndex> => readOrReplace(client, place, opts);
  const existing = await read(options);
  const known = new Map(existing.entries.map((entry) => [entry.key, entry]));
  const written = new Map<CacheKey, IndexedEntry>();

  return {
    async presence(key) {
      const entry = known.get(key);
      return entry === undefined ? "nothing" : entry.isComplete ? "complete" : "incomplete";
    },
    async writeLayer(layer, blobs, opts) {
      const { digest, size, mediaType } = layer;
      const url = place.blobUrl(digest);
      if ((await client.sizeOf(url, opts)) === size) return;
      if (size > MAX_OBJECT_BYTES) {
        throw new OcibuildError(
          "LIMIT_EXCEEDED",
          `layer ${digest} has more than the 5 GiB that one upload to S3 takes`,
          {
            details: { limit: "layer", value: MAX_OBJECT_BYTES },
          },
        );
      }
      await client.write(url, { size, mediaType, sha256: hexOf(digest), open: () => blobs.open(layer, opts) }, opts);
    },
    async writeEntry({ key, descriptor, bytes }, isComplete, opts) {
      await client.write(place.entryUrl(key), contentOf(descriptor, bytes), opts);
      written.set(key, { key, descriptor, isComplete });
    },
    async finish(used, opts) {
      const own = used.flatMap((key) => written.get(key) ?? known.get(key) ?? []);
      const write = async (entries: readonly IndexedEntry[], limited: Abortable): Promise<string> => {
        const bytes = encodeCacheIndex(entries);
        const descriptor = descriptorOf(MEDIA_TYPES.oci.index, bytes);
        await client.write(place.indexUrl, contentOf(descriptor, bytes), limited);
        return descriptor.digest;
      };
      await publishIndex({ read, write }, existing, own, written.size > 0, opts);
    },
  };
}

function readDocument(client: S3Client, url: URL, options: Abortable): Promise<Buffer | undefined> {
  return client.read(url, (response) => response.bytes(MAX_DOCUMENT_BYTES), options);
}

async function readIndex(client: S3Client, place: S3Place, options: Abortable): Promise<ReadIndex> {
  const bytes = await readDocument(client, place.indexUrl, options);
  if (bytes === undefined) return { digest: undefined, entries: [] };
  const name = `index of cache ${place.title}`;
  const document = await parseManifestOrIndex(bytes, { name, mediaType: MEDIA_TYPES.oci.index });
  if (document.kind !== "index" || !isCacheIndex(document.index)) {
    throw new OcibuildError("DOCUMENT_INVALID", `${name} is not valid: it is no index of a cache`, {
      details: { document: name },
    });
  }
  return { digest: digestOf(bytes), entries: entriesOf(document.index) };
}

/** What is damaged is written anew: the object's name is nobody else's. */
async function readOrReplace(client: S3Client, place: S3Place, options: Abortable): Promise<ReadIndex> {
  try {
    return await readIndex(client, place, options);
  } catch (error) {
    if (isOcibuildError(error, "DOCUMENT_INVALID")) return { digest: undefined, entries: [] };
    throw error;
  }
}

function descriptorOf(mediaType: string, bytes: Buffer): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

function contentOf({ mediaType, digest, size }: Descriptor, bytes: Buffer): S3Content {
  return { size, mediaType, sha256: hexOf(digest), open: () => bytes };
}
