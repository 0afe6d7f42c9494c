/** Fetches what ADD names by URL into a temporary file, hashed while it is written. */
import { createHash } from "node:crypto";
import type { PendingFile } from "../cache/pending-file.js";
import { decompressAs } from "../compression/decompress.js";
import { OcibuildError } from "../errors.js";
import { redactUrl } from "../http/address.js";
import { systemClock } from "../http/clock.js";
import type { HttpResponse } from "../http/messages.js";
import { DEFAULT_RETRY, withRetry } from "../http/retry.js";
import { createTransport, DEFAULT_TIMEOUTS } from "../http/transport.js";
import type { FetchedFile } from "../layers/run-context.js";
import { VERSION } from "../version.js";

export interface FetchFileOptions {
  /** `sha256:…` or `sha512:…`; the file is refused when it has another. */
  readonly checksum: string | undefined;
  /** Gets the bytes. */
  readonly target: PendingFile;
  readonly signal: AbortSignal;
}

/** Larger files are refused: nobody means that, and the disk is not endless. */
const RETRYABLE_STATUS: ReadonlySet<number> = new Set([408, 425, 429, 502, 503, 504]);
const LIMIT_BYTES = 64 * 1024 ** 3;

/**
 * GETs `url` without credentials; redirects are followed, but never from https to http.
 * @throws CONTEXT_FETCH for a status that is not 200, BLOB_DIGEST_MISMATCH, LIMIT_EXCEEDED, REGISTRY_REQUEST when no answer comes
 */
export async function fetchFile(url: string, options: FetchFileOptions): Promise<FetchedFile> {
  const { checksum, target, signal } = options;
  const transport = createTransport({
    userAgent: `ocibuild/${VERSION}`,
    timeouts: DEFAULT_TIMEOUTS,
    connectionsPerOrigin: 1,
    insecureHosts: new Set(),
  });
  try {
    const start = new URL(url);
    const response = await withRetry(DEFAULT_RETRY, systemClock, signal, async () =>
      accepted(await transport.send({ method: "GET", url: start, home: start, headers: {}, signal })),
    );
    const sha256 = createHash("sha256");
    const wanted = checksum?.startsWith("sha512:") === true ? createHash("sha512") : undefined;
    for await (const chunk of contentOf(response, signal)) {
      if (target.sizeBytes + chunk.length > LIMIT_BYTES) throw tooLarge(response.url);
      sha256.update(chunk);
      wanted?.update(chunk);
      target.write(chunk);
    }
    const digest = sha256.digest();
    const actual = wanted === undefined ? `sha256:${digest.toString("hex")}` : `sha512:${wanted.digest("hex")}`;
    if (checksum !== undefined && checksum !== actual) throw mismatch(response.url, checksum, actual);
    return {
      path: target.path,
      sizeBytes: target.sizeBytes,
      sha256: digest,
      mtimeSeconds: timeOf(response.header("last-modified")),
    };
  } finally {
    await transport.close();
  }
}

/** The response if it brings the file. */
async function accepted(response: HttpResponse): Promise<HttpResponse> {
  const encoding = response.header("content-encoding") ?? "identity";
  if (response.status === 200 && (encoding === "identity" || encoding === "gzip")) return response;
  await response.discard();
  const url = redactUrl(response.url);
  if (RETRYABLE_STATUS.has(response.status)) {
    throw new OcibuildError("REGISTRY_REQUEST", `invalid response status ${response.status} for "${url}"`, {
      details: { method: "GET", url, status: response.status, retryable: true },
    });
  }
  if (response.status === 200) {
    throw new OcibuildError("CONTEXT_FETCH", `"${url}" came encoded as "${encoding}", which was not asked for`, {
      details: { url, status: response.status },
      hint: "fetch it by other means and COPY it",
    });
  }
  throw new OcibuildError("CONTEXT_FETCH", `invalid response status ${response.status} for "${url}"`, {
    details: { url, status: response.status },
    hint: "check the URL of ADD: it must give the file itself",
  });
}

/** The file itself: some servers encode whatever they are asked for. */
function contentOf(response: HttpResponse, signal: AbortSignal): AsyncIterable<Buffer> {
  return response.header("content-encoding") === "gzip"
    ? decompressAs(response.body, "gzip", { signal })
    : response.body;
}

function timeOf(lastModified: string | undefined): number | undefined {
  const ms = lastModified === undefined ? Number.NaN : Date.parse(lastModified);
  return Number.isNaN(ms) ? undefined : Math.floor(ms / 1000);
}

function tooLarge(url: URL): OcibuildError<"LIMIT_EXCEEDED"> {
  return new OcibuildError("LIMIT_EXCEEDED", `"${redactUrl(url)}" is larger than ${LIMIT_BYTES} bytes`, {
    details: { limit: "fetchBytes", value: LIMIT_BYTES },
  });
}

function mismatch(url: URL, expected: string, actual: string): OcibuildError<"BLOB_DIGEST_MISMATCH"> {
  return new OcibuildError(
    "BLOB_DIGEST_MISMATCH",
    `digest mismatch ${actual}: ${expected} was expected of "${redactUrl(url)}"`,
    {
      details: { expected, actual },
      hint: "the file has changed, or --checksum is wrong",
    },
  );
}
