/** Writing to a repository: blobs by existence, mount or upload, and manifests. @spec distribution-spec#push */
import { isOcibuildError } from "../errors.js";
import { resolveLocation } from "../http/location.js";
import { protocolFailure } from "../http/protocol-failure.js";
import { digestOf } from "../oci/digest.js";
import type { ImagePusher } from "../oci/pusher.js";
import type { Reference } from "../oci/reference.js";
import type { Descriptor } from "../oci/types.js";
import { blobPath } from "./blob-download.js";
import { uploadBlob } from "./blob-upload.js";
import type { RegistryClient } from "./client.js";
import { type Endpoint, homeLocation } from "./hosts.js";
import { noteReferrer } from "./referrers.js";
import { pushScopes } from "./scope.js";
import { manifestPath } from "./served-manifest.js";

const MAX_REPLY_BYTES = 64 * 1024;

/** Pushes to the registries that references name; mirrors are never written to. */
export function registryPusher(client: RegistryClient): ImagePusher {
  return {
    async pushBlob(target, blob, source, { mountFrom, signal } = {}) {
      const { endpoint, repository } = homeLocation(client.hosts, target);
      if (await hasBlob(client, endpoint, repository, blob, signal)) return "exists";
      let session: URL | undefined;
      const from = mountFrom === undefined ? undefined : otherRepository(client, target, mountFrom, endpoint);
      if (from !== undefined && from !== repository) {
        const answer = await mountBlob(client, endpoint, repository, blob, from, signal);
        if (answer === "mounted") return answer;
        session = answer;
      }
      return uploadBlob(client, {
        endpoint,
        repository,
        blob,
        open: () => source.open(blob, signal === undefined ? {} : { signal }),
        exists: () => hasBlob(client, endpoint, repository, blob, signal),
        ...(session === undefined ? {} : { session }),
        ...(signal === undefined ? {} : { signal }),
      });
    },
    async pushManifest(target, manifest, bytes, { signal } = {}) {
      const { endpoint, repository } = homeLocation(client.hosts, target);
      const reply = await client.fetch(
        endpoint,
        {
          method: "PUT",
          target: manifestPath(repository, target.tag ?? manifest.digest),
          headers: { "content-type": manifest.mediaType },
          body: { size: bytes.length, open: () => bytes },
          scopes: pushScopes(repository),
          expect: [200, 201, 202, 204],
          ...(signal === undefined ? {} : { signal }),
        },
        MAX_REPLY_BYTES,
      );
      const told = reply.header("docker-content-digest");
      const digest = digestOf(bytes);
      if (told !== undefined && told !== digest) {
        throw protocolFailure("PUT", reply.url, `expected the manifest to be stored as ${digest} but it says ${told}`);
      }
      if (reply.header("oci-subject") === undefined && bytes.includes('"subject"')) {
        await noteReferrer(client, target, { ...manifest, digest }, bytes, signal === undefined ? {} : { signal });
      }
    },
  };
}

/** What the server calls another repository of the registry, where that is on the same server. */
function otherRepository(
  client: RegistryClient,
  { registry }: Reference,
  repository: string,
  { origins }: Endpoint,
): string | undefined {
  const other = homeLocation(client.hosts, { registry, repository });
  return other.endpoint.origins[0].origin === origins[0].origin ? other.repository : undefined;
}

/** Whether the blob is there. A refusal to tell means no: the answer to an upload says why, that to a HEAD has no words. */
async function hasBlob(
  client: RegistryClient,
  endpoint: Endpoint,
  repository: string,
  blob: Descriptor,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    return await lookForBlob(client, endpoint, repository, blob, signal);
  } catch (error) {
    if (isOcibuildError(error, "REGISTRY_UNAUTHORIZED")) return false;
    throw error;
  }
}

async function lookForBlob(
  client: RegistryClient,
  endpoint: Endpoint,
  repository: string,
  blob: Descriptor,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const reply = await client.fetch(
    endpoint,
    {
      method: "HEAD",
      target: blobPath(repository, blob.digest),
      scopes: pushScopes(repository),
      expect: [200, 404],
      ...(signal === undefined ? {} : { signal }),
    },
    MAX_REPLY_BYTES,
  );
  if (reply.status !== 200) return false;
  // A page that answers everything is not the blob.
  const length = reply.header("content-length");
  const digest = reply.header("docker-content-digest");
  return (length === undefined || Number(length) === blob.size) && (digest === undefined || digest === blob.digest);
}

/** Refusals of any kind only mean that the bytes must be sent, in the session that the registry may have opened. */
async function mountBlob(
  client: RegistryClient,
  endpoint: Endpoint,
  repository: string,
  blob: Descriptor,
  from: string,
  signal: AbortSignal | undefined,
): Promise<"mounted" | URL | undefined> {
  try {
    const reply = await client.fetch(
      endpoint,
      {
        method: "POST",
        target: `/v2/${repository}/blobs/uploads/?mount=${encodeURIComponent(blob.digest)}&from=${encodeURIComponent(from)}`,
        scopes: [...pushScopes(repository), { repository: from, actions: ["pull"] }],
        expect: [201, 202],
        ...(signal === undefined ? {} : { signal }),
      },
      MAX_REPLY_BYTES,
    );
    if (reply.status === 201) return "mounted";
    const location = reply.header("location");
    return location === undefined ? undefined : resolveLocation("POST", reply.url, location);
  } catch (error) {
    if (isRefusal(error)) return undefined;
    throw error;
  }
}

function isRefusal(error: unknown): boolean {
  if (isOcibuildError(error, "REGISTRY_UNAUTHORIZED")) return true;
  if (!isOcibuildError(error, "REGISTRY_REQUEST")) return false;
  const { status } = error.details;
  return status !== undefined && status >= 400 && status < 500 && status !== 429;
}
