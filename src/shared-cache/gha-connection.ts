/**
 * Requests to the cache service of GitHub Actions, and to the store of its blobs, with retries. The token goes to the service
 * alone, and to no redirect (R1). Blobs are reached by URLs that are credentials themselves: of those nothing but the origin
 * is ever shown (L1), and of what servers say nothing that looks like a secret.
 */
import { isOcibuildError, OcibuildError } from "../errors.js";
import { redactUrl } from "../http/address.js";
import { type Clock, systemClock } from "../http/clock.js";
import type { HttpResponse, Method } from "../http/messages.js";
import { protocolFailure } from "../http/protocol-failure.js";
import { parseRetryAfterMs, type RetryPolicy, withRetry } from "../http/retry.js";
import type { Transport } from "../http/transport.js";
import type { Abortable } from "../oci/blobs.js";
import { isJsonObject, type JsonObject, type JsonValue } from "../util/strict-json.js";
import type { GhaPlace } from "./gha-place.js";

export interface GhaClientOptions {
  /** Must follow no redirects. */
  readonly transport: Transport;
  readonly retry?: RetryPolicy;
  readonly clock?: Clock;
}

export interface ServiceRequest {
  readonly method: Method;
  /** Below the service's URL; begins with a slash. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  /** Statuses that are answers too, beside those from 200 to 299. */
  readonly expect?: readonly number[];
}

export interface ServiceReply {
  readonly status: number;
  /** Empty where the reply has no body, or none that is a JSON object. */
  readonly value: JsonObject;
}

export interface BlobRequest {
  readonly method: Method;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

const MAX_REPLY_BYTES = 1024 * 1024;
const MAX_SAID = 200;
const RETRYABLE_STATUS: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

const RETRY: RetryPolicy = { attempts: 5, baseDelayMs: 500, maxDelayMs: 15_000, maxRetryAfterMs: 600_000 };

export class GhaConnection {
  readonly #place: Pick<GhaPlace, "url" | "token">;
  readonly #transport: Transport;
  readonly #maxWaitMs: number;
  readonly retry: RetryPolicy;
  readonly clock: Clock;
  /** Before this, by the clock, the service wants no request. */
  #pausedUntilMs = 0;

  /** @param maxWaitMs what the service may ask to wait; when it asks for more, the request has failed */
  constructor(place: Pick<GhaPlace, "url" | "token">, options: GhaClientOptions, maxWaitMs: number) {
    this.#place = place;
    this.#maxWaitMs = maxWaitMs;
    this.#transport = options.transport;
    this.retry = options.retry ?? RETRY;
    this.clock = options.clock ?? systemClock;
  }

  /** As messages show the service. */
  get shownUrl(): URL {
    return new URL(this.#place.url.origin);
  }

  /** Asks the service. @throws REGISTRY_… */
  ask(request: ServiceRequest, { signal }: Abortable): Promise<ServiceReply> {
    const { method, path, headers, body, expect = [] } = request;
    const base = this.#place.url;
    const url = new URL(`${base.origin}${base.pathname === "/" ? "" : base.pathname}${path}`);
    const shown = `${base.origin}${base.pathname === "/" ? "" : "/…"}${path.split("?")[0]}`;
    return withRetry(this.retry, this.clock, signal, async () => {
      const wait = this.#pausedUntilMs - this.clock.monotonicMs();
      if (wait > 0) await this.clock.sleep(wait, signal);
      const authorization = `Bearer ${this.#place.token}`;
      const response = await this.#send({ method, url, headers, ...(body && { body }) }, shown, authorization, signal);
      const bytes = await this.#shownAs(shown, url, response.bytes(MAX_REPLY_BYTES));
      const isGood = response.status >= 200 && response.status < 300;
      const value = parsed(bytes);
      if (isGood && bytes.length > 0 && value === undefined) {
        throw protocolFailure(method, this.shownUrl, "expected a JSON object");
      }
      if (isGood || expect.includes(response.status)) return { status: response.status, value: value ?? {} };
      throw this.#failure(method, shown, response, this.said(value ?? {}));
    });
  }

  /** One request to the store of blobs; the caller repeats what is worth it. Statuses of 400 and more are errors. */
  async blob(request: BlobRequest, { signal }: Abortable): Promise<HttpResponse> {
    const { method, url } = request;
    const shown = `${url.origin}/…`;
    const response = await this.#send(request, shown, undefined, signal);
    if (response.status < 300) return response;
    const bytes = await response.bytes(MAX_REPLY_BYTES).catch(() => Buffer.alloc(0));
    signal?.throwIfAborted();
    const code = /<Code>([A-Za-z0-9]{1,64})<\/Code>/.exec(bytes.toString("utf8"))?.[1] ?? "";
    throw this.#failure(method, shown, response, url.href.includes(code) ? "" : code);
  }

  /** The same, and again while that may help. */
  repeatedBlob(request: BlobRequest, options: Abortable): Promise<HttpResponse> {
    return withRetry(this.retry, this.clock, options.signal, () => this.blob(request, options));
  }

  /** The whole of a small blob. */
  async smallBlob(url: URL, limitBytes: number, options: Abortable): Promise<Buffer> {
    return withRetry(this.retry, this.clock, options.signal, async () => {
      const response = await this.blob({ method: "GET", url, headers: {} }, options);
      return this.#shownAs(`${url.origin}/…`, url, response.bytes(limitBytes));
    });
  }

  /**
   * A URL that the service gave for a blob.
   * @throws REGISTRY_PROTOCOL when it is none, or would send over plain HTTP what came over TLS
   */
  blobUrl(value: JsonValue | undefined): URL {
    const url = typeof value === "string" && URL.canParse(value) ? new URL(value) : undefined;
    const { protocol } = this.#place.url;
    if (url !== undefined && (url.protocol === "https:" || (url.protocol === "http:" && protocol === "http:")))
      return url;
    throw protocolFailure("POST", this.shownUrl, "expected the URL of a blob");
  }

  /** What a reply says for people: one short line, without what may be a secret. */
  said(value: JsonObject): string {
    const text = [value["msg"], value["message"]].find((part) => typeof part === "string") ?? "";
    const { token, url } = this.#place;
    const line = [token, ...token.split("."), url.pathname]
      .filter((secret) => secret.length >= 8)
      .reduce((rest, secret) => rest.replaceAll(secret, "…"), (text as string).replace(/[^\x20-\x7e]+/g, " "))
      .replace(/[a-z]+:\/\/\S*|\S{48,}/gi, "…")
      .trim();
    return line.length > MAX_SAID ? `${line.slice(0, MAX_SAID)}…` : line;
  }

  async #send(
    { method, url, headers, body }: BlobRequest,
    shown: string,
    authorization: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<HttpResponse> {
    const isService = authorization !== undefined;
    const sending = this.#transport.send({
      method,
      url,
      headers,
      home: isService ? this.#place.url : url,
      ...(isService ? { authorization } : { namedBy: this.#place.url }),
      ...(body === undefined ? {} : { body: { size: body.length, open: () => body } }),
      ...(signal === undefined ? {} : { signal }),
    });
    return this.#shownAs(shown, url, sending);
  }

  /** Errors of the transport name the path, which is a secret of some services. */
  async #shownAs<T>(shown: string, url: URL, working: Promise<T>): Promise<T> {
    try {
      return await working;
    } catch (error) {
      throw hidePath(error, url, shown);
    }
  }

  #failure(method: Method, shown: string, response: HttpResponse, said: string): OcibuildError {
    const { status } = response;
    const text = status >= 300 && status < 400 ? "redirects are not followed" : said;
    const message = `${method} ${shown} was answered with status ${status}${text === "" ? "" : `: ${text}`}`;
    if (status === 401 || status === 403) {
      const hint =
        "The token is that of a job: it ends with it, and may write only to the cache of the job's own branch.";
      return new OcibuildError("REGISTRY_UNAUTHORIZED", message, { details: { method, url: shown, status }, hint });
    }
    const retryAfterMs = parseRetryAfterMs(response.header("retry-after"), response.header("date"));
    const isTooLong = (retryAfterMs ?? 0) > this.#maxWaitMs;
    if (status === 429 && retryAfterMs !== undefined && !isTooLong) {
      this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.clock.monotonicMs() + retryAfterMs);
    }
    const retryable = RETRYABLE_STATUS.has(status) && !isTooLong;
    return new OcibuildError("REGISTRY_REQUEST", message, {
      details: { method, url: shown, status, retryable, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
    });
  }
}

/** The error with `shown` in place of the URL. */
export function hidePath(error: unknown, url: URL, shown: string): unknown {
  if (!isOcibuildError(error)) return error;
  const redacted = redactUrl(url);
  const details = Object.fromEntries(
    Object.entries(error.details).map(([name, value]) => [name, value === redacted ? shown : value]),
  );
  return new OcibuildError(error.code, error.message.replaceAll(redacted, shown), {
    details: details as never,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.cause === undefined ? {} : { cause: error.cause }),
  });
}

/** `undefined` when it is no JSON object. Errors of the first version begin with a byte order mark. */
function parsed(bytes: Buffer): JsonObject | undefined {
  try {
    const value = JSON.parse(bytes.toString("utf8").replace(/^\ufeff/, "")) as JsonValue;
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
