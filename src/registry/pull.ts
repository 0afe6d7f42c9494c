/** Reading from a repository: manifests as exact, verified bytes, and blobs. @spec distribution-spec#pull */
import { isOcibuildError, OcibuildError } from "../errors.js";
import { isRetryable } from "../http/retry.js";
import type { Abortable, BlobReader, BlobWriter } from "../oci/blobs.js";
import { type Digest, isDigest } from "../oci/digest.js";
import { nameOf, type Reference } from "../oci/reference.js";
import type { Descriptor } from "../oci/types.js";
import { verifiedBlob } from "../oci/verified-blob.js";
import { MAX_DOCUMENT_BYTES } from "../util/strict-json.js";
import { type BlobLocation, blobPath, downloadBlob } from "./blob-download.js";
import type { ApiRequest, RegistryClient } from "./client.js";
import { pullLocations } from "./hosts.js";
import {
  ACCEPTED_MANIFESTS,
  assertTagOrDigest,
  checkManifest,
  type FetchedManifest,
  isManifest,
  manifestNotFound,
  manifestPath,
  otherMediaType,
} from "./served-manifest.js";

/** `has` and `open` take descriptors of manifests and indexes as well as of blobs. */
export interface RegistrySource extends BlobReader {
  /**
   * The manifest or index under a tag or a digest of the repository. Given a digest, the bytes have it.
   * @throws REGISTRY_…, BLOB_DIGEST_MISMATCH, DOCUMENT_INVALID for Docker's schema 1, LIMIT_EXCEEDED over 4 MiB
   */
  fetchManifest(tagOrDigest: string, options?: Abortable): Promise<FetchedManifest>;
  /**
   * The digest that a tag has now, without the manifest; `undefined` when the registry does not tell.
   * @throws REGISTRY_…
   */
  resolveTag(tag: string, options?: Abortable): Promise<Digest | undefined>;
}

/**
 * The repository of `reference` as something to read from: its registry's mirrors in order, then the registry itself.
 * Tags are answered by the first that knows them; content is accepted by digest, wherever it comes from.
 * @throws REFERENCE_INVALID when the registry cannot be a host, REGISTRY_INSECURE for a mirror that would need plain HTTP
 */
export function registrySource(client: RegistryClient, reference: Reference): RegistrySource {
  const name = nameOf(reference);
  let locations: readonly [BlobLocation, ...BlobLocation[]] = pullLocations(client.hosts, reference);

  /** A mirror that is out of order is not asked again: each time would cost a deadline. */
  function giveUp(location: BlobLocation, error: unknown): void {
    const [next, ...rest] = locations.filter((other) => other !== location);
    if (isRetryable(error) && next !== undefined) locations = [next, ...rest];
  }

  async function onFirst<T>(signal: AbortSignal | undefined, ask: (location: BlobLocation) => Promise<T>): Promise<T> {
    const failures: string[] = [];
    for (const location of locations.slice(0, -1)) {
      try {
        return await ask(location);
      } catch (error) {
        signal?.throwIfAborted();
        giveUp(location, error);
        failures.push(`${location.endpoint.credentialHost}: ${error instanceof Error ? error.message : "failed"}`);
      }
    }
    try {
      return await ask(locations.at(-1)!);
    } catch (error) {
      throw failures.length === 0 ? error : withMirrorFailures(error, failures);
    }
  }

  function requestFor(
    method: "GET" | "HEAD",
    { repository }: BlobLocation,
    tagOrDigest: string,
    signal: AbortSignal | undefined,
  ): ApiRequest {
    return {
      method,
      target: manifestPath(repository, tagOrDigest),
      headers: { accept: ACCEPTED_MANIFESTS },
      scopes: [{ repository, actions: ["pull"] }],
      expect: [200, 404],
      ...(signal === undefined ? {} : { signal }),
    };
  }

  const source: RegistrySource = {
    async fetchManifest(tagOrDigest, { signal } = {}) {
      assertTagOrDigest(tagOrDigest);
      return onFirst(signal, async (location) => {
        const request = requestFor("GET", location, tagOrDigest, signal);
        const reply = await client.fetch(location.endpoint, request, MAX_DOCUMENT_BYTES);
        if (reply.status === 404) throw manifestNotFound(name, tagOrDigest, reply);
        return checkManifest(name, tagOrDigest, reply);
      });
    },
    async resolveTag(tag, { signal } = {}) {
      assertTagOrDigest(tag);
      const resolving = onFirst(signal, async (location) => {
        const reply = await client.fetch(
          location.endpoint,
          requestFor("HEAD", location, tag, signal),
          MAX_DOCUMENT_BYTES,
        );
        if (reply.status === 404) throw manifestNotFound(name, tag, reply);
        const digest = reply.header("docker-content-digest");
        return digest !== undefined && isDigest(digest) ? digest : undefined;
      });
      return resolving.catch((error: unknown) => {
        // The answer to a HEAD has no words: whoever asks for the manifest then hears why.
        if (isOcibuildError(error, "REGISTRY_UNAUTHORIZED")) return undefined;
        throw error;
      });
    },
    async has(blob, { signal } = {}) {
      const ask = async ({ endpoint, repository }: BlobLocation): Promise<boolean> => {
        const reply = await client.fetch(
          endpoint,
          {
            method: "HEAD",
            target: pathOf(repository, blob),
            scopes: [{ repository, actions: ["pull"] }],
            headers: { accept: ACCEPTED_MANIFESTS },
            expect: [200],
            ...(signal === undefined ? {} : { signal }),
          },
          MAX_DOCUMENT_BYTES,
        );
        return reply.status === 200;
      };
      try {
        return await onFirst(signal, ask);
      } catch (error) {
        signal?.throwIfAborted();
        if (isOcibuildError(error)) return false;
        throw error;
      }
    },
    async *open(blob, { signal } = {}) {
      if (isManifest(blob)) {
        const { descriptor, bytes } = await source.fetchManifest(blob.digest, signal === undefined ? {} : { signal });
        if (descriptor.mediaType !== blob.mediaType) throw otherMediaType(name, blob, descriptor.mediaType);
        return yield* verifiedBlob([bytes], blob);
      }
      const used = locations;
      try {
        yield* verifiedBlob(downloadBlob(client, used, blob, { giveUp, signal }), blob);
      } catch (error) {
        // Whoever asks again (`pullBlob`) is led past a mirror that gave other bytes.
        if (isOcibuildError(error, "BLOB_DIGEST_MISMATCH")) locations = [used.at(-1)!];
        throw error;
      }
    },
  };
  return source;
}

/**
 * Copies a blob from a registry into a store. When a mirror's bytes are wrong it is copied again from the registry
 * itself.
 * @throws BLOB_…, REGISTRY_… and what `target` throws
 */
export async function pullBlob(
  source: RegistrySource,
  target: BlobWriter,
  blob: Descriptor,
  options: Abortable = {},
): Promise<void> {
  try {
    await target.write(blob, source.open(blob, options), options);
  } catch (error) {
    if (!isOcibuildError(error, "BLOB_DIGEST_MISMATCH")) throw error;
    await target.write(blob, source.open(blob, options), options);
  }
}

function pathOf(repository: string, blob: Descriptor): string {
  return isManifest(blob) ? manifestPath(repository, blob.digest) : blobPath(repository, blob.digest);
}

function withMirrorFailures(error: unknown, failures: readonly string[]): unknown {
  if (!isOcibuildError(error)) return error;
  const mirrors = `Mirrors were asked before: ${failures.join("; ")}.`;
  return new OcibuildError(error.code, error.message, {
    details: error.details,
    hint: error.hint === undefined ? mirrors : `${error.hint} ${mirrors}`,
    ...(error.cause === undefined ? {} : { cause: error.cause }),
  });
}
