/**
 * Objects of a bucket: signed requests with retries. No redirect is followed, so that a signature and a session token go to
 * the endpoint that the user named and nowhere else (R1). Of what the server says only its error code is shown: S3 repeats
 * in its errors what it was sent.
 */
import { OcibuildError } from "../errors.js";
import { redactUrl } from "../http/address.js";
import { type Clock, systemClock } from "../http/clock.js";
import type { HttpResponse, Method, RequestBody } from "../http/messages.js";
import { DEFAULT_RETRY, parseRetryAfterMs, type RetryPolicy, withRetry } from "../http/retry.js";
import type { Transport } from "../http/transport.js";
import type { Abortable } from "../oci/blobs.js";
import type { S3Place } from "./s3-place.js";
import { type AwsCredentials, EMPTY_PAYLOAD, signS3 } from "./s3-signature.js";

export interface S3ClientOptions {
  /** Must follow no redirects. */
  readonly transport: Transport;
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
  readonly retry?: RetryPolicy;
  readonly clock?: Clock;
}

/** A body, and what it is signed with. */
export interface S3Content extends RequestBody {
  /** Hex digits. */
  readonly sha256: string;
  readonly mediaType: string;
}

export interface S3Client {
  /** `use` gets the object; again from its start when the connection breaks. `undefined` when there is none. */
  read<T>(url: URL, use: (response: HttpResponse) => Promise<T>, options: Abortable): Promise<T | undefined>;
  /** Size in bytes; `undefined` when there is no such object. */
  sizeOf(url: URL, options: Abortable): Promise<number | undefined>;
  write(url: URL, content: S3Content, options: Abortable): Promise<void>;
}

const MAX_ERROR_BYTES = 64 * 1024;
const RETRYABLE_STATUS: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);
/** Of status 400, and of a kind that another try may not meet. */
const RETRYABLE_CODES: ReadonlySet<string> = new Set(["RequestTimeout", "SlowDown", "InternalError"]);

const ELSEWHERE = "the bucket is elsewhere: check region and endpoint_url";
const MEANINGS: ReadonlyMap<string, string> = new Map([
  ["AuthorizationHeaderMalformed", "check region"],
  ["ExpiredToken", "session_token has expired"],
  ["InvalidAccessKeyId", "check access_key_id"],
  ["InvalidToken", "check session_token"],
  ["RequestTimeTooSkewed", "the clock of this machine is wrong"],
  // Some services say it also of a key that they do not know.
  ["SignatureDoesNotMatch", "check access_key_id and secret_access_key"],
]);
/** Without the right to list, what is missing is refused. */
const RIGHTS_TO_READ = "the key needs s3:GetObject and s3:ListBucket";
const RIGHT_TO_WRITE = "the key needs s3:PutObject";

/** @throws REGISTRY_CREDENTIALS when nobody gave any */
export function s3Client({ region, credentials, indexUrl }: S3Place, options: S3ClientOptions): S3Client {
  const { transport, wallMs, retry = DEFAULT_RETRY, clock = systemClock } = options;
  if (credentials === undefined) {
    const hint =
      "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Profiles, roles of machines and web identities are not supported.";
    const message = `there are no credentials for "${indexUrl.host}": AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set`;
    throw new OcibuildError("REGISTRY_CREDENTIALS", message, { details: { host: indexUrl.host }, hint });
  }

  function send(
    method: Method,
    url: URL,
    content: S3Content | undefined,
    { signal }: Abortable,
  ): Promise<HttpResponse> {
    const payloadHash = content?.sha256 ?? EMPTY_PAYLOAD;
    const type = content === undefined ? {} : { "content-type": content.mediaType };
    const scope = { region, credentials: credentials!, timeMs: wallMs() };
    const { authorization, headers } = signS3({ method, url, headers: type, payloadHash }, scope);
    return transport.send({
      method,
      url,
      home: url,
      headers,
      authorization,
      ...(content === undefined ? {} : { body: content }),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  return {
    read: (url, use, opts) =>
      withRetry(retry, clock, opts.signal, async () => {
        const response = await send("GET", url, undefined, opts);
        if (response.status === 200) return use(response);
        return noneOrThrow("GET", response, credentials, opts);
      }),
    sizeOf: (url, opts) =>
      withRetry(retry, clock, opts.signal, async () => {
        const response = await send("HEAD", url, undefined, opts);
        if (response.status !== 200) return noneOrThrow("HEAD", response, credentials, opts);
        await response.discard();
        return Number(response.header("content-length") ?? Number.NaN);
      }),
    write: (url, content, opts) =>
      withRetry(retry, clock, opts.signal, async () => {
        const response = await send("PUT", url, content, opts);
        if (response.status !== 200) throw failure("PUT", response, await codeOf(response, credentials), opts);
        await response.discard();
      }),
  };
}

/** An object that is not there is an answer; a bucket that is not there is a failure. */
async function noneOrThrow(
  method: Method,
  response: HttpResponse,
  credentials: AwsCredentials,
  options: Abortable,
): Promise<undefined> {
  const code = await codeOf(response, credentials);
  if (response.status === 404 && code !== "NoSuchBucket") return undefined;
  throw failure(method, response, code, options);
}

/** The code in the body of an error; empty when there is none, or when it repeats what nobody should see. */
async function codeOf(response: HttpResponse, credentials: AwsCredentials): Promise<string> {
  let text: string;
  try {
    text = (await response.bytes(MAX_ERROR_BYTES)).toString("utf8");
  } catch {
    // The status counts; a body that cannot be read explains nothing.
    return "";
  }
  const code = /<Code>([A-Za-z0-9]{1,64})<\/Code>/.exec(text)?.[1] ?? "";
  const isRepeated = Object.values(credentials).some((value: string) => value.includes(code) || code.includes(value));
  return isRepeated ? "" : code;
}

function failure(method: Method, response: HttpResponse, code: string, { signal }: Abortable): OcibuildError {
  signal?.throwIfAborted();
  const { status } = response;
  const url = redactUrl(response.url);
  const meaning = status < 400 ? ELSEWHERE : meaningOf(code, method);
  const says = [code, meaning].filter((part) => part !== undefined && part !== "").join(", ");
  const message = `${method} ${url} was answered with status ${status}${says === "" ? "" : `: ${says}`}`;
  if (status === 401 || status === 403) {
    return new OcibuildError("REGISTRY_UNAUTHORIZED", message, { details: { method, url, status } });
  }
  const retryAfterMs = parseRetryAfterMs(response.header("retry-after"), response.header("date"));
  return new OcibuildError("REGISTRY_REQUEST", message, {
    details: {
      method,
      url,
      status,
      retryable: RETRYABLE_STATUS.has(status) || RETRYABLE_CODES.has(code),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
  });
}

function meaningOf(code: string, method: Method): string | undefined {
  if (code === "AccessDenied") return method === "PUT" ? RIGHT_TO_WRITE : RIGHTS_TO_READ;
  return MEANINGS.get(code);
}
