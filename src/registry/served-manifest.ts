/** Manifests as they are served: what is asked for, and what is checked before one is believed. @spec distribution-spec#pulling-manifests */
import { OcibuildError } from "../errors.js";
import { redactUrl } from "../http/address.js";
import { protocolFailure } from "../http/protocol-failure.js";
import { digestOf, isDigest } from "../oci/digest.js";
import { parseManifestOrIndex } from "../oci/documents.js";
import { bareMediaType, MANIFEST_MEDIA_TYPES } from "../oci/media-types.js";
import { isTag } from "../oci/reference.js";
import type { Descriptor } from "../oci/types.js";
import type { ApiDocument } from "./client.js";

/** A manifest or index as it was served, its digest verified. */
export interface FetchedManifest {
  /** Its media type is what the reply's Content-Type and the document agree on. */
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

const SCHEMA1: ReadonlySet<string> = new Set([
  "application/vnd.docker.distribution.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v1+prettyjws",
]);
/** Value of `Accept` in requests for manifests. */
export const ACCEPTED_MANIFESTS: string = MANIFEST_MEDIA_TYPES.join(", ");

/**
 * What becomes part of a URL is a tag or a digest.
 * @throws REFERENCE_INVALID
 */
export function assertTagOrDigest(text: string): void {
  if (isTag(text) || isDigest(text)) return;
  const shown = JSON.stringify(text.slice(0, 300));
  throw new OcibuildError("REFERENCE_INVALID", `${shown} is neither a tag nor a digest`, {
    details: { reference: text.slice(0, 300) },
  });
}

/**
 * What the reply to a GET of `tagOrDigest` in the repository `name` holds, once digest and type agree.
 * @throws BLOB_DIGEST_MISMATCH, DOCUMENT_INVALID, REGISTRY_PROTOCOL
 */
export async function checkManifest(name: string, tagOrDigest: string, reply: ApiDocument): Promise<FetchedManifest> {
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

/** Whether the descriptor is of a manifest or an index, which registries keep apart from blobs. */
export function isManifest({ mediaType }: Descriptor): boolean {
  return MANIFEST_MEDIA_TYPES.includes(mediaType);
}

/** Path of a manifest or index below the origin of its registry. */
export function manifestPath(repository: string, tagOrDigest: string): string {
  return `/v2/${repository}/manifests/${tagOrDigest}`;
}

/** The error for a manifest that the registry calls other than its descriptor does. */
export function otherMediaType(name: string, expected: Descriptor, actual: string): OcibuildError {
  const document = `${name}@${expected.digest}`;
  return new OcibuildError(
    "DOCUMENT_INVALID",
    `manifest "${document}" is not valid: its descriptor says "${expected.mediaType}" but the registry says "${actual}"`,
    { details: { document } },
  );
}

/** The error for a reply with status 404. */
export function manifestNotFound(name: string, tagOrDigest: string, reply: ApiDocument): OcibuildError {
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
