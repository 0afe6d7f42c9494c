/** An upload session as requests: opened, asked how far it is, given bytes, closed. @spec distribution-spec#pushing-blobs */
import { isOcibuildError } from "../errors.js";
import { resolveLocation } from "../http/location.js";
import type { HttpResponse, Method, RequestBody } from "../http/messages.js";
import { protocolFailure } from "../http/protocol-failure.js";
import { isRetryable } from "../http/retry.js";
import type { Digest } from "../oci/digest.js";
import type { RegistryClient } from "./client.js";
import type { Endpoint } from "./hosts.js";
import { pushScopes } from "./scope.js";

/** Where sessions are opened. */
export interface UploadTarget {
  readonly endpoint: Endpoint;
  readonly repository: string;
  readonly signal?: AbortSignal;
}

export interface UploadSession {
  readonly url: URL;
  /** How large the pieces are to be. */
  readonly chunkBytes: number;
}

const CHUNK_BYTES = 8 * 1024 * 1024;
const MAX_CHUNK_BYTES = 64 * 1024 * 1024;
const CONTENT_TYPE = "application/octet-stream";

/** A session at `url` that somebody else has opened. */
export function sessionAt(url: URL): UploadSession {
  return { url, chunkBytes: CHUNK_BYTES };
}

export async function startSession(client: RegistryClient, target: UploadTarget): Promise<UploadSession> {
  const response = await send(client, target, "POST", `/v2/${target.repository}/blobs/uploads/`, [202]);
  const wanted = Number(response.header("oci-chunk-min-length") ?? 0);
  const chunkBytes = wanted > CHUNK_BYTES && wanted <= MAX_CHUNK_BYTES ? wanted : CHUNK_BYTES;
  return { url: resolveLocation("POST", response.url, response.header("location")), chunkBytes };
}

/** How many bytes the session has, and where it goes on; `undefined` when it is gone or the registry does not tell. */
export async function askProgress(
  client: RegistryClient,
  target: UploadTarget,
  session: UploadSession,
): Promise<{ readonly session: UploadSession; readonly offset: number } | undefined> {
  let response: HttpResponse;
  try {
    response = await send(client, target, "GET", session.url, [204]);
  } catch (error) {
    if (!isOcibuildError(error) || isRetryable(error)) throw error;
    return undefined;
  }
  const offset = endOfRange(response.header("range"));
  if (offset === undefined) return undefined;
  const location = response.header("location");
  const url = location === undefined ? session.url : resolveLocation("GET", response.url, location);
  return { session: { ...session, url }, offset };
}

/** Appends `chunk`, whose place in the blob is `offset`. Returns the session as it goes on, and how far it is. */
export async function appendChunk(
  client: RegistryClient,
  target: UploadTarget,
  session: UploadSession,
  offset: number,
  chunk: Uint8Array,
): Promise<{ readonly session: UploadSession; readonly offset: number }> {
  const end = offset + chunk.length;
  const response = await send(client, target, "PATCH", session.url, [202, 204], {
    headers: { "content-type": CONTENT_TYPE, "content-range": `${offset}-${end - 1}` },
    body: { size: chunk.length, open: () => chunk },
  });
  const told = endOfRange(response.header("range"));
  if (told !== undefined && (told <= offset || told > end)) {
    throw protocolFailure(
      "PATCH",
      response.url,
      `it was given bytes ${offset} to ${end - 1} and says that it has ${told}`,
    );
  }
  const url = resolveLocation("PATCH", response.url, response.header("location"));
  return { session: { ...session, url }, offset: told ?? end };
}

/** Closes the session with its last bytes, if any. */
export async function finishSession(
  client: RegistryClient,
  target: UploadTarget,
  session: UploadSession,
  digest: Digest,
  body: RequestBody | undefined,
): Promise<void> {
  const response = await send(client, target, "PUT", withDigest(session.url, digest), [201, 204], {
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
  { endpoint, repository, signal }: UploadTarget,
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

/** `0-99` means 100 bytes. `0-0` is what registries say of an empty session, too: nothing then. */
function endOfRange(header: string | undefined): number | undefined {
  const range = /^(?:bytes[= ])?0-(\d{1,15})$/.exec(header ?? "");
  if (range === null) return undefined;
  const last = Number(range[1]);
  return last === 0 ? 0 : last + 1;
}

/** The session's URL with the digest added and its own query kept byte for byte. */
function withDigest(session: URL, digest: string): URL {
  const url = new URL(session);
  url.search = `${url.search === "" ? "?" : `${url.search}&`}digest=${encodeURIComponent(digest)}`;
  return url;
}
