/**
 * Reference → image, from a registry: index → platform → manifest → config, every byte verified.
 *
 * With a document cache, a tag that has not moved costs one HEAD request, and a digest none.
 */
import type { Abortable, BlobReader } from "../oci/blobs.js";
import { type Digest, parseDigest } from "../oci/digest.js";
import { parseManifestOrIndex } from "../oci/documents.js";
import { readImage } from "../oci/read-image.js";
import { parseReference, type Reference } from "../oci/reference.js";
import type { ImageResolver } from "../oci/resolver.js";
import type { Descriptor } from "../oci/types.js";
import { readBlob } from "../oci/verified-blob.js";
import { MAX_DOCUMENT_BYTES } from "../util/strict-json.js";
import type { RegistryClient } from "./client.js";
import { type RegistrySource, registrySource } from "./pull.js";
import type { FetchedManifest } from "./served-manifest.js";

/** Keeps manifests, indexes and image configs between builds. */
export interface DocumentCache {
  /** The document's bytes, which have this digest; `undefined` when it is not there. */
  read(digest: Digest, options?: Abortable): Promise<Buffer | undefined>;
  write(document: Descriptor, bytes: Buffer, options?: Abortable): Promise<void>;
}

const NO_CACHE: DocumentCache = { read: async () => undefined, write: async () => {} };

/** Finds images in the registries that references name (and their mirrors). */
export function registryResolver(
  client: RegistryClient,
  options: { readonly documents?: DocumentCache } = {},
): ImageResolver {
  const cache = options.documents ?? NO_CACHE;
  return {
    async resolve(text, platform, { signal } = {}) {
      const reference = parseReference(text);
      const abortable = signal === undefined ? {} : { signal };
      const source = registrySource(client, reference);
      const root = await findRoot(source, reference, options.documents, abortable);
      const documents = documentReader(source, cache, root);
      return readImage(documents, root.descriptor, { platform, reference: text, ...abortable });
    },
  };
}

/** What the reference names now. A tag is looked up first where its manifest may be known already. */
async function findRoot(
  source: RegistrySource,
  { tag, digest: written }: Reference,
  cache: DocumentCache | undefined,
  options: Abortable,
): Promise<FetchedManifest> {
  const pinned = written === undefined ? undefined : parseDigest(written);
  const digest = pinned ?? (cache === undefined ? undefined : await source.resolveTag(tag!, options));
  const bytes = digest === undefined ? undefined : await cache?.read(digest, options);
  if (digest !== undefined && bytes !== undefined) {
    const { mediaType } = await parseManifestOrIndex(bytes, { name: `manifest ${digest}` });
    return { descriptor: { mediaType, digest, size: bytes.length }, bytes };
  }
  const fetched = await source.fetchManifest(digest ?? tag!, options);
  await cache?.write(fetched.descriptor, fetched.bytes, options);
  return fetched;
}

/** Reads documents from the cache, else from the registry into the cache. */
function documentReader(source: RegistrySource, cache: DocumentCache, root: FetchedManifest): BlobReader {
  return {
    has: (blob, options) => source.has(blob, options),
    async *open(blob, options = {}) {
      if (blob.digest === root.descriptor.digest) return yield root.bytes;
      const cached = await cache.read(blob.digest, options);
      if (cached !== undefined) return yield cached;
      const bytes = await readBlob(source, blob, MAX_DOCUMENT_BYTES, options);
      await cache.write(blob, bytes, options);
      yield bytes;
    },
  };
}
