/** One GET of a file: with the rights for it, decoded as Go's client does, hashed while it is written. */
import { createHash } from "node:crypto";
import type { FetchedFiles, FetchRecord } from "../cache/fetched-files.js";
import { decompressAs } from "../compression/decompress.js";
import { OcibuildError } from "../errors.js";
import { assertPrivateChannel, redactUrl } from "../http/address.js";
import { systemClock } from "../http/clock.js";
import { proposedFileName } from "../http/content-disposition.js";
import { parseHttpDate } from "../http/http-date.js";
import type { HttpResponse } from "../http/messages.js";
import { DEFAULT_RETRY, parseRetryAfterMs, withRetry } from "../http/retry.js";
import type { Transport } from "../http/transport.js";
import { asFetchFailure } from "./fetch-failure.js";

export interface FetchFileOptions {
  readonly files: FetchedFiles;
  readonly transport: Transport;
  readonly authorization: string | undefined;
  /** What the last build got: the server may say that it still holds. */
  readonly known: FetchRecord | undefined;
  readonly onProgress: (sizeBytes: number) => void;
  readonly signal: AbortSignal;
}

export interface FetchOutcome {
  readonly record: FetchRecord;
  /** False when the server said that the known file is still the one. */
  readonly isNew: boolean;
}

const RETRYABLE_STATUS: ReadonlySet<number> = new Set([408, 425, 429, 502, 503, 504]);
/** Larger files are refused: nobody means that, and the disk is not endless. */
const LIMIT_BYTES = 64 * 1024 ** 3;
/** A file can change twice within a second; a time that lies a minute back would show that. @spec RFC 9110 §8.8.2.2 */
const TELLING_SECONDS = 60;

/**
 * GETs `url`; redirects are followed, but never from https to http nor into a private network.
 * @throws CONTEXT_FETCH, LIMIT_EXCEEDED, STORE_UNUSABLE; the signal's reason
 */
export async function fetchFile(url: URL, options: FetchFileOptions): Promise<FetchOutcome> {
  try {
    return await withRetry(DEFAULT_RETRY, systemClock, options.signal, () => fetchOnce(url, options));
  } catch (error) {
    throw asFetchFailure(error, url);
  }
}

async function fetchOnce(url: URL, options: FetchFileOptions): Promise<FetchOutcome> {
  const { transport, authorization, known, signal } = options;
  if (authorization !== undefined) assertPrivateChannel(url, url.host);
  const home = withoutUser(url);
  const response = await transport.send({
    method: "GET",
    url: home,
    home,
    headers: { "accept-encoding": "gzip", ...conditions(known) },
    ...(authorization === undefined ? {} : { authorization }),
    signal,
  });
  if (known !== undefined && isUnchanged(response, known)) {
    await response.discard();
    return { record: known, isNew: false };
  }
  if (response.status < 200 || response.status > 299 || response.status === 206) throw await refusal(response);
  return { record: await receive(url.href, response, options), isNew: true };
}

function conditions(known: FetchRecord | undefined): Readonly<Record<string, string>> {
  if (known?.etag !== undefined) return { "if-none-match": known.etag };
  if (known?.lastModified !== undefined && known.isTimeTelling === true) {
    return { "if-modified-since": known.lastModified };
  }
  return {};
}

/** Servers that do not heed the condition tell by the tag all the same. */
function isUnchanged(response: HttpResponse, known: FetchRecord): boolean {
  const etag = response.header("etag");
  if (response.status === 304) return etag === undefined || known.etag === undefined || isSameTag(etag, known.etag);
  return response.status === 200 && etag !== undefined && known.etag !== undefined && isSameTag(etag, known.etag);
}

/** Weak or not makes no difference, as in BuildKit: some servers change that with the encoding. */
function isSameTag(one: string, other: string): boolean {
  return one.replace(/^W\//, "") === other.replace(/^W\//, "");
}

async function receive(url: string, response: HttpResponse, options: FetchFileOptions): Promise<FetchRecord> {
  const { files, onProgress, signal } = options;
  const file = files.create();
  try {
    const hash = createHash("sha256");
    // Other encodings are the file's own affair; this one was asked for.
    const isGzip = response.header("content-encoding")?.toLowerCase() === "gzip";
    const limits = { limitBytes: LIMIT_BYTES, signal };
    for await (const chunk of decompressAs(response.body, isGzip ? "gzip" : "uncompressed", limits)) {
      hash.update(chunk);
      file.write(chunk);
      onProgress(file.sizeBytes);
    }
    const record = recordOf(response, hash.digest("hex"), file.sizeBytes);
    files.keep(url, file, record);
    return record;
  } finally {
    file.discard();
  }
}

function recordOf(response: HttpResponse, sha256: string, sizeBytes: number): FetchRecord {
  const etag = response.header("etag");
  const lastModified = response.header("last-modified");
  const modified = lastModified === undefined ? undefined : parseHttpDate(lastModified);
  const answered = parseHttpDate(response.header("date") ?? "");
  const isTimeTelling = modified !== undefined && answered !== undefined && answered - modified >= TELLING_SECONDS;
  const fileName = proposedFileName(response.header("content-disposition"));
  return {
    sha256,
    sizeBytes,
    ...(etag === undefined ? {} : { etag }),
    ...(lastModified === undefined ? {} : { lastModified }),
    ...(isTimeTelling ? { isTimeTelling } : {}),
    ...(fileName === undefined ? {} : { fileName }),
  };
}

async function refusal(response: HttpResponse): Promise<OcibuildError> {
  await response.discard();
  const { status } = response;
  const url = redactUrl(response.url);
  const message = `invalid response status ${status} for "${url}"`;
  if (RETRYABLE_STATUS.has(status)) {
    const retryAfterMs = parseRetryAfterMs(response.header("retry-after"), response.header("date"));
    const asked = retryAfterMs === undefined ? {} : { retryAfterMs };
    return new OcibuildError("REGISTRY_REQUEST", message, {
      details: { method: "GET", url, status, retryable: true, ...asked },
    });
  }
  const needsLogin = status === 401 || status === 403;
  return new OcibuildError("CONTEXT_FETCH", message, {
    details: { url, status },
    hint: needsLogin
      ? `Where it needs a token, give it with --secret id=HTTP_AUTH_TOKEN_${response.url.hostname},env=NAME.`
      : "Check the URL: it must give the file itself.",
  });
}

function withoutUser(url: URL): URL {
  const copy = new URL(url);
  copy.username = "";
  copy.password = "";
  copy.hash = "";
  return copy;
}
