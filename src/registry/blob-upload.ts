/**
 * One blob to a repository: a session, then all bytes in one PUT; in pieces where the registry does not take it so.
 * A failed upload begins anew, after a look whether it had not succeeded. @spec distribution-spec#pushing-blobs
 */
import { isOcibuildError, OcibuildError } from "../errors.js";
import { resolveLocation } from "../http/location.js";
import type { HttpResponse, Method, RequestBody } from "../http/messages.js";
import { protocolFailure } from "../http/protocol-failure.js";
import { withRetry } from "../http/retry.js";
import type { Descriptor } from "../oci/types.js";
import type { RegistryClient } from "./client.js";
import type { Endpoint } from "./hosts.js";
import { pushScopes } from "./scope.js";

export interface BlobUpload {
  readonly endpoint: Endpoint;
  readonly repository: string;
  readonly blob: Descriptor;
  /** The blob's bytes from the start; called again for each try. */
  open(): AsyncIterable<Uint8Array>;
  /** Whether the registry has the blob by now. */
  exists(): Promise<boolean>;
  /** A session that is open already, of a mount that was not done. */
  readonly session?: URL;
  readonly signal?: AbortSignal;
}

const CHUNK_BYTES = 8 * 1024 * 1024;
const MAX_CHUNK_BYTES = 64 * 1024 * 1024;
const CONTENT_TYPE = "application/octet-stream";
/** Said by registries, or proxies before them, that do not take a blob in one request. */
const WANTS_CHUNKS: ReadonlySet<number> = new Set([400, 405, 411, 413, 501]);
/** The session is gone, or not where we think it is. */
const SESSION_LOST: ReadonlySet<number> = new Set([404, 416]);

/**
 * Uploads the blob.
 * @throws REGISTRY_…, and what `open` throws
 */
export async function uploadBlob(client: RegistryClient, upload: BlobUpload): Promise<"uploaded"> {
  const { signal } = upload;
  let { session } = upload;
  let chunked = false;
  let broken = 0;
  return withRetry(client.retry, client.clock, signal, async (attempt): Promise<"uploaded"> => {
    if (attempt > 1 && (await upload.exists())) return "uploaded";
    try {
      const first = session;
      session = undefined;
      if (!chunked) {
        try {
          await putWhole(client, upload, first ?? (await startSession(client, upload)).url);
          return "uploaded";
        } catch (error) {
          if (!wantsChunks(error)) throw error;
          chunked = true;
        }
      }
      await putInChunks(client, upload, await startSession(client, upload));
      return "uploaded";
    } catch (error) {
      // Some proxies close the connection instead of saying that a request is too large.
      if (isConnectionFailure(error) && ++broken > 1) chunked = true;
      throw sessionLostIsRetryable(error);
    }
  });
}

interface Session {
  readonly url: URL;
  readonly chunkBytes: number;
}

async function startSession(client: RegistryClient, upload: BlobUpload): Promise<Session> {
  const response = await send(client, upload, "POST", `/v2/${upload.repository}/blobs/uploads/`, [202]);
  const wanted = Number(response.header("oci-chunk-min-length") ?? 0);
  const chunkBytes = wanted > CHUNK_BYTES && wanted <= MAX_CHUNK_BYTES ? wanted : CHUNK_BYTES;
  return { url: resolveLocation("POST", response.url, response.header("location")), chunkBytes };
}

async function putWhole(client: RegistryClient, upload: BlobUpload, session: URL): Promise<void> {
  const { blob } = upload;
  const body = blob.size === 0 ? undefined : { size: blob.size, open: () => measured(blob, upload.open()) };
  await finish(client, upload, session, body);
}

async function putInChunks(client: RegistryClient, upload: BlobUpload, session: Session): Promise<void> {
  let { url } = session;
  let offset = 0;
  for await (const chunk of chunksOf(measured(upload.blob, upload.open()), session.chunkBytes)) {
    const response = await send(client, upload, "PATCH", url, [202, 204], {
      headers: { "content-type": CONTENT_TYPE, "content-range": `${offset}-${offset + chunk.length - 1}` },
      body: { size: chunk.length, open: () => chunk },
    });
    offset += chunk.length;
    url = resolveLocation("PATCH", response.url, response.header("location"));
  }
  await finish(client, upload, url, undefined);
}

async function finish(
  client: RegistryClient,
  upload: BlobUpload,
  session: URL,
  body: RequestBody | undefined,
): Promise<void> {
  const { digest } = upload.blob;
  const response = await send(client, upload, "PUT", withDigest(session, digest), [201, 204], {
    headers: { "content-type": CONTENT_TYPE },
    ...(body === undefined ? {} : { body }),
  });
  const told = response.header("docker-content-digest");
  if (told !== undefined && told !== digest) {
    throw protocolFailure("PUT", response.url, `expected the blob to be stored as ${digest} but it says ${told}`);
  }
}

async function send(
  client: RegistryClient,
  { endpoint, repository, signal }: BlobUpload,
  method: Method,
  target: string | URL,
  expect: readonly number[],
  content: { readonly headers?: Readonly<Record<string, string>>; readonly body?: RequestBody } = {},
): Promise<HttpResponse> {
  const response = await client.send(endpoint, {
    method,
    target,
    scopes: pushScopes(repository),
    expect,
    ...content,
    ...(signal === undefined ? {} : { signal }),
  });
  await response.discard();
  return response;
}

/** The session's URL with the digest added and its own query kept byte for byte. */
function withDigest(session: URL, digest: string): URL {
  const url = new URL(session);
  url.search = `${url.search === "" ? "?" : `${url.search}&`}digest=${encodeURIComponent(digest)}`;
  return url;
}

/** Passes the bytes on and fails when they are not as many as the descriptor says. */
async function* measured(blob: Descriptor, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of bytes) {
    size += chunk.length;
    if (size > blob.size) break;
    yield chunk;
  }
  if (size === blob.size) return;
  throw new OcibuildError(
    "BLOB_SIZE_MISMATCH",
    `expected blob "${blob.digest}" to have ${blob.size} bytes but its source gave ${size > blob.size ? "more" : size}`,
    { details: { digest: blob.digest, expectedBytes: blob.size, actualBytes: size } },
  );
}

/** Regroups the bytes into pieces of `size`; the last is shorter. */
async function* chunksOf(bytes: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Buffer> {
  let parts: Uint8Array[] = [];
  let length = 0;
  for await (let chunk of bytes) {
    while (length + chunk.length >= size) {
      const head = chunk.subarray(0, size - length);
      yield Buffer.concat([...parts, head]);
      chunk = chunk.subarray(head.length);
      parts = [];
      length = 0;
    }
    // The source may use its block again.
    if (chunk.length > 0) parts.push(Buffer.from(chunk));
    length += chunk.length;
  }
  if (length > 0) yield Buffer.concat(parts);
}

function wantsChunks(error: unknown): boolean {
  if (!isOcibuildError(error, "REGISTRY_REQUEST")) return false;
  const { status, registryCode } = error.details;
  if (status === undefined || !WANTS_CHUNKS.has(status)) return false;
  return status !== 400 || registryCode === "UNSUPPORTED" || registryCode === "SIZE_INVALID";
}

function isConnectionFailure(error: unknown): boolean {
  return isOcibuildError(error, "REGISTRY_REQUEST") && error.details.status === undefined;
}

function sessionLostIsRetryable(error: unknown): unknown {
  if (!isOcibuildError(error, "REGISTRY_REQUEST")) return error;
  const { method, status } = error.details;
  if (method === "POST" || status === undefined || !SESSION_LOST.has(status)) return error;
  return new OcibuildError("REGISTRY_REQUEST", error.message, { details: { ...error.details, retryable: true } });
}
