/** Reading from a repository: manifests as exact, verified bytes, and blobs. @spec distribution-spec#pull */
import { isOcibuildError, OcibuildError } from "../errors.js";
import type { Abortable, BlobReader, BlobWriter } from "../oci/blobs.js";
import { type Digest, digestOf, isDigest } from "../oci/digest.js";
import { parseManifestOrIndex } from "../oci/documents.js";
import { bareMediaType, MANIFEST_MEDIA_TYPES } from "../oci/media-types.js";
import { nameOf, type Reference } from "../oci/reference.js";
import type { Descriptor } from "../oci/types.js";
import { verifiedBlob } from "../oci/verified-blob.js";
import { MAX_DOCUMENT_BYTES } from "../util/strict-json.js";
import { redactUrl } from "./address.js";
import { type BlobLocation, blobPath, downloadBlob } from "./blob-download.js";
import type { ApiDocument, ApiRequest, RegistryClient } from "./client.js";
import { protocolFailure } from "./failure.js";
import { pullEndpoints } from "./hosts.js";
import { isRetryable } from "./retry.js";

/** A manifest or index as it was served, its digest verified. */
export interface FetchedManifest {
  /** Its media type is what the reply's Content-Type and the document agree on. */
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

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

const SCHEMA1: ReadonlySet<string> = new Set([
  "application/vnd.docker.distribution.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v1+prettyjws",
]);
const ACCEPT = MANIFEST_MEDIA_TYPES.join(", ");

/**
 * The repository of `reference` as something to read from: its registry's mirrors in order, then the registry itself.
 * Tags are answered by the first that knows them; content is accepted by digest, wherever it comes from.
 * @throws REFERENCE_INVALID when the registry cannot be a host, REGISTRY_INSECURE for a mirror that would need plain HTTP
 */
export function registrySource(client: RegistryClient, reference: Reference): RegistrySource {
  const name = nameOf(reference);
  const endpoints = pullEndpoints(client.hosts, reference.registry);
  const [first, ...others] = endpoints.map((endpoint) => ({
    endpoint,
    repository: endpoint.repositoryPrefix + reference.repository,
  }));
  let locations: readonly [BlobLocation, ...BlobLocation[]] = [first!, ...others];

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
      headers: { accept: ACCEPT },
      scopes: [{ repository, actions: ["pull"] }],
      expect: [200, 404],
      ...(signal === undefined ? {} : { signal }),
    };
  }

  const source: RegistrySource = {
    fetchManifest: (tagOrDigest, { signal } = {}) =>
      onFirst(signal, async (location) => {
        const request = requestFor("GET", location, tagOrDigest, signal);
        const reply = await client.fetch(location.endpoint, request, MAX_DOCUMENT_BYTES);
        if (reply.status === 404) throw manifestNotFound(name, tagOrDigest, reply);
        return checkManifest(name, tagOrDigest, reply);
      }),
    resolveTag: (tag, { signal } = {}) =>
      onFirst(signal, async (location) => {
        const reply = await client.fetch(
          location.endpoint,
          requestFor("HEAD", location, tag, signal),
          MAX_DOCUMENT_BYTES,
        );
        if (reply.status === 404) throw manifestNotFound(name, tag, reply);
        const digest = reply.header("docker-content-digest");
        return digest !== undefined && isDigest(digest) ? digest : undefined;
      }),
    async has(blob, { signal } = {}) {
      const ask = async ({ endpoint, repository }: BlobLocation): Promise<boolean> => {
        const reply = await client.fetch(
          endpoint,
          {
            method: "HEAD",
            target: pathOf(repository, blob),
            scopes: [{ repository, actions: ["pull"] }],
            headers: { accept: ACCEPT },
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

async function checkManifest(name: string, tagOrDigest: string, reply: ApiDocument): Promise<FetchedManifest> {
  const shown = `${name}${isDigest(tagOrDigest) ? "@" : ":"}${tagOrDigest}`;
  const contentType = reply.header("content-type");
  const digest = digestOf(reply.bytes);
  if (isDigest(tagOrDigest) && digest !== tagOrDigest) {
    throw new OcibuildError("BLOB_DIGEST_MISMATCH", `expected manifest "${shown}" but the registry gave ${digest}`, {
      details: { expected: tagOrDigest, actual: digest },
    });
  }
  if (contentType !== undefined && SCHEMA1.has(bareMediaType(contentType))) {
    throw new OcibuildError(
      "DOCUMENT_INVALID",
      `manifest "${shown}" is in Docker's schema 1, which has no verifiable layers`,
      {
        details: { document: shown },
        hint: "Pull and push the image once with a current docker, or choose a newer tag.",
      },
    );
  }
  const told = reply.header("docker-content-digest");
  if (told !== undefined && isDigest(told) && told !== digest) {
    throw protocolFailure("GET", reply.url, `its Docker-Content-Digest is ${told} but its bytes have ${digest}`);
  }
  const { mediaType } = await parseManifestOrIndex(reply.bytes, {
    name: `manifest "${shown}"`,
    ...(contentType === undefined ? {} : { contentType }),
  });
  return { descriptor: { mediaType, digest, size: reply.bytes.length }, bytes: reply.bytes };
}

function isManifest({ mediaType }: Descriptor): boolean {
  return MANIFEST_MEDIA_TYPES.includes(mediaType);
}

function pathOf(repository: string, blob: Descriptor): string {
  return isManifest(blob) ? manifestPath(repository, blob.digest) : blobPath(repository, blob.digest);
}

/** Path of a manifest or index below the origin of its registry. */
export function manifestPath(repository: string, tagOrDigest: string): string {
  return `/v2/${repository}/manifests/${tagOrDigest}`;
}

function otherMediaType(name: string, expected: Descriptor, actual: string): OcibuildError {
  const document = `${name}@${expected.digest}`;
  return new OcibuildError(
    "DOCUMENT_INVALID",
    `manifest "${document}" is not valid: its descriptor says "${expected.mediaType}" but the registry says "${actual}"`,
    { details: { document } },
  );
}

function manifestNotFound(name: string, tagOrDigest: string, reply: ApiDocument): OcibuildError {
  const reference = `${name}${isDigest(tagOrDigest) ? "@" : ":"}${tagOrDigest}`;
  return new OcibuildError(
    "REGISTRY_NOT_FOUND",
    `image "${reference}" is not in the registry at "${redactUrl(reply.url)}"`,
    {
      details: { reference },
      hint: "Check the name and the tag.",
    },
  );
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
