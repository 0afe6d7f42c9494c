/**
 * One blob as a stream. A broken download goes on where it stopped: by range where the server's answer is
 * exact, else from the start with the known bytes skipped. Only the digest, which the caller checks, can tell whether the parts fit.
 */
import { isOcibuildError, OcibuildError } from "../errors.js";
import type { HttpResponse } from "../http/messages.js";
import { protocolFailure } from "../http/protocol-failure.js";
import { isRetryable, retryDelayMs } from "../http/retry.js";
import type { Descriptor } from "../oci/types.js";
import type { ApiRequest, RegistryClient } from "./client.js";
import type { RepositoryLocation } from "./hosts.js";

export type BlobLocation = RepositoryLocation;

export interface DownloadOptions {
  /** Told when a location failed for good and the next one takes over. */
  readonly giveUp: (location: BlobLocation, error: unknown) => void;
  readonly signal: AbortSignal | undefined;
}

/** An answer whose first `skip` bytes are known already. */
interface Part {
  readonly response: HttpResponse;
  readonly skip: number;
}

/** Against a server that breaks off after every few bytes. */
const MAX_RESUMES = 100;
/** What a try must bring to count as progress. */
const MIN_PROGRESS_BYTES = 16 * 1024;

/**
 * Streams the blob from the first location that gives it; when one fails for good the next one goes on with the bytes
 * so far kept. The bytes are as many as the descriptor says; their digest is not checked here.
 * @throws BLOB_NOT_FOUND, BLOB_SIZE_MISMATCH, REGISTRY_…
 */
export async function* downloadBlob(
  client: RegistryClient,
  locations: readonly [BlobLocation, ...BlobLocation[]],
  blob: Descriptor,
  { signal, giveUp }: DownloadOptions,
): AsyncGenerator<Buffer> {
  const remaining = [...locations];
  let received = 0;
  let failures = 0;
  let resumes = 0;
  while (received < blob.size) {
    const location = remaining[0]!;
    const before = received;
    try {
      const { response, skip } = await requestPart(client, location, blob, received, signal);
      let toSkip = skip;
      for await (const chunk of response.body) {
        const fresh = toSkip === 0 ? chunk : chunk.subarray(toSkip);
        toSkip -= chunk.length - fresh.length;
        if (fresh.length === 0) continue;
        if (received + fresh.length > blob.size) throw sizeMismatch(blob, received + fresh.length);
        received += fresh.length;
        yield fresh;
      }
      if (received < blob.size) throw sizeMismatch(blob, received);
    } catch (error) {
      signal?.throwIfAborted();
      // Progress earns new tries: only a server that gives next to nothing is given up.
      failures = received - before >= MIN_PROGRESS_BYTES ? 1 : failures + 1;
      const mayPass = isRetryable(error) || (isOcibuildError(error, "BLOB_SIZE_MISMATCH") && received > before);
      if (mayPass && failures < client.attemptsAt(location.endpoint) && ++resumes <= MAX_RESUMES) {
        await client.clock.sleep(retryDelayMs(client.retry, client.clock, failures + 1, error), signal);
        continue;
      }
      if (remaining.length === 1) throw error;
      giveUp(location, error);
      remaining.shift();
      failures = 0;
    }
  }
}

/** Path of a blob below the origin of its registry. */
export function blobPath(repository: string, digest: string): string {
  return `/v2/${repository}/blobs/${digest}`;
}

async function requestPart(
  client: RegistryClient,
  { endpoint, repository }: BlobLocation,
  blob: Descriptor,
  offset: number,
  signal: AbortSignal | undefined,
): Promise<Part> {
  const request: ApiRequest = {
    method: "GET",
    target: blobPath(repository, blob.digest),
    scopes: [{ repository, actions: ["pull"] }],
    expect: [200, 206, 404, 416],
    ...(signal === undefined ? {} : { signal }),
  };
  if (offset > 0) {
    const response = await client.send(endpoint, { ...request, headers: { range: `bytes=${offset}-` } });
    if (response.status === 206 && isExactRange(response.header("content-range"), offset, blob.size)) {
      return { response: await checked(response, blob, blob.size - offset), skip: 0 };
    }
    if (response.status === 200) return { response: await checked(response, blob, blob.size), skip: offset };
    await response.discard();
    if (response.status === 404) throw notFound(blob);
  }
  const response = await client.send(endpoint, request);
  if (response.status === 200) return { response: await checked(response, blob, blob.size), skip: offset };
  await response.discard();
  if (response.status === 404) throw notFound(blob);
  throw protocolFailure("GET", response.url, `expected status 200 but got ${response.status}`);
}

/** Refuses what can be seen to be wrong before the first byte. */
async function checked(response: HttpResponse, blob: Descriptor, expectedBytes: number): Promise<HttpResponse> {
  const encoding = response.header("content-encoding");
  if (encoding !== undefined && encoding !== "identity") {
    await response.discard();
    throw protocolFailure("GET", response.url, `the blob is encoded as "${encoding}", which was not asked for`);
  }
  const length = response.header("content-length");
  if (length !== undefined && Number(length) !== expectedBytes) {
    await response.discard();
    throw sizeMismatch(blob, blob.size - expectedBytes + Number(length));
  }
  return response;
}

function isExactRange(header: string | undefined, offset: number, size: number): boolean {
  return header === `bytes ${offset}-${size - 1}/${size}` || header === `bytes ${offset}-${size - 1}/*`;
}

function sizeMismatch(blob: Descriptor, actualBytes: number): OcibuildError {
  return new OcibuildError(
    "BLOB_SIZE_MISMATCH",
    `expected blob "${blob.digest}" to have ${blob.size} bytes but the registry gave ${actualBytes}${actualBytes > blob.size ? " or more" : ""}`,
    { details: { digest: blob.digest, expectedBytes: blob.size, actualBytes } },
  );
}

function notFound(blob: Descriptor): OcibuildError {
  return new OcibuildError("BLOB_NOT_FOUND", `blob "${blob.digest}" is not in the registry`, {
    details: { digest: blob.digest },
  });
}
