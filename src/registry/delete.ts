/** Removing manifests, tags and blobs. @spec distribution-spec#content-management */
import { isOcibuildError, OcibuildError } from "../errors.js";
import { withRetry } from "../http/retry.js";
import type { Abortable } from "../oci/blobs.js";
import { type Digest, parseDigest } from "../oci/digest.js";
import { isTag, nameOf, type Reference } from "../oci/reference.js";
import { blobPath } from "./blob-download.js";
import type { RegistryClient } from "./client.js";
import { homeLocation } from "./hosts.js";
import { deleteScopes } from "./scope.js";
import { assertTagOrDigest, manifestPath } from "./served-manifest.js";

type Repository = Pick<Reference, "registry" | "repository">;

/**
 * Removes a manifest or index with all tags that name it. What it refers to stays.
 * @throws REGISTRY_NOT_FOUND when it is not there, REGISTRY_REQUEST when the registry deletes nothing, REGISTRY_…
 */
export async function deleteManifest(
  client: RegistryClient,
  name: Repository,
  digest: Digest,
  options: Abortable = {},
): Promise<void> {
  const wanted = parseDigest(digest);
  await remove(client, name, (repository) => manifestPath(repository, wanted), `${nameOf(name)}@${digest}`, options);
}

/**
 * Removes a tag. The manifest stays, and other tags of it.
 * @throws REGISTRY_NOT_FOUND when there is no such tag, REGISTRY_REQUEST when the registry deletes no tags, REGISTRY_…
 */
export async function deleteTag(
  client: RegistryClient,
  name: Repository,
  tag: string,
  options: Abortable = {},
): Promise<void> {
  assertTagOrDigest(isTag(tag) ? tag : "");
  await remove(client, name, (repository) => manifestPath(repository, tag), `${nameOf(name)}:${tag}`, options);
}

/**
 * Removes a blob from a repository.
 * @throws REGISTRY_NOT_FOUND when it is not there, REGISTRY_REQUEST when the registry deletes nothing, REGISTRY_…
 */
export async function deleteBlob(
  client: RegistryClient,
  name: Repository,
  digest: Digest,
  options: Abortable = {},
): Promise<void> {
  const wanted = parseDigest(digest);
  await remove(client, name, (repository) => blobPath(repository, wanted), `${nameOf(name)}@${digest}`, options);
}

async function remove(
  client: RegistryClient,
  name: Repository,
  pathIn: (repository: string) => string,
  reference: string,
  { signal }: Abortable,
): Promise<void> {
  const { endpoint, repository } = homeLocation(client.hosts, name);
  try {
    await withRetry(client.retry, client.clock, signal, async (attempt) => {
      const response = await client.send(endpoint, {
        method: "DELETE",
        target: pathIn(repository),
        scopes: deleteScopes(repository),
        expect: [200, 202, 204, 404],
        ...(signal === undefined ? {} : { signal }),
      });
      await response.discard();
      // Gone by a try whose reply was lost.
      if (response.status === 404 && attempt === 1) throw notFound(reference);
    });
  } catch (error) {
    throw refusedForGood(error, reference);
  }
}

/** Many registries delete nothing, or no tags: they say so in different ways. */
function refusedForGood(error: unknown, reference: string): unknown {
  if (!isOcibuildError(error, "REGISTRY_REQUEST")) return error;
  const { status } = error.details;
  if (status !== 400 && status !== 405 && status !== 501) return error;
  return new OcibuildError("REGISTRY_REQUEST", error.message, {
    details: error.details,
    hint: reference.includes("@")
      ? "The registry does not allow to delete."
      : "The registry does not delete tags: delete the manifest by its digest, with all its tags.",
    cause: error,
  });
}

function notFound(reference: string): OcibuildError {
  return new OcibuildError("REGISTRY_NOT_FOUND", `"${reference}" is not in the registry`, {
    details: { reference },
    hint: "Check the name and the tag.",
  });
}
