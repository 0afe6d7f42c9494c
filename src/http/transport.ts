/**
 * HTTP: one exchange over undici's `request`, which never decodes a body, and redirects that are
 * followed here, with headers made anew for each hop.
 */
import type { LookupFunction } from "node:net";
import type { Dispatcher } from "undici";
import { isOcibuildError, OcibuildError } from "../errors.js";
import { redactUrl } from "./address.js";
import { type Clock, systemClock } from "./clock.js";
import { Dispatchers, type HostTls } from "./dispatchers.js";
import { resolveLocation } from "./location.js";
import type { HttpRequest, HttpResponse, Method } from "./messages.js";
import { leadsToPrivate, NameLookup, PRIVATE_HINT } from "./name-lookup.js";
import { networkFailure } from "./network-failure.js";
import { atPace, DEFAULT_PACE, type SlowestPace, uploadStalled, watched } from "./pace.js";
import { isPrivateAddress } from "./private-address.js";
import { protocolFailure } from "./protocol-failure.js";
import type { ProxyChoice } from "./proxy.js";
import type { Timeouts } from "./timeouts.js";

export { DEFAULT_TIMEOUTS, type Timeouts } from "./timeouts.js";

export interface TransportOptions {
  readonly userAgent: string;
  readonly timeouts: Timeouts;
  /** Connections to one origin at a time; more requests wait. */
  readonly connectionsPerOrigin: number;
  /** `host[:port]` whose certificates are not checked; all others are, on every hop. */
  readonly insecureHosts: ReadonlySet<string>;
  /**
   * What TLS with `host[:port]` needs beyond the usual. `namedBy` is the host of the server that led there, if another
   * one did. Gives the same object for equal answers.
   */
  readonly tls?: (host: string, namedBy: string | undefined) => Promise<HostTls | undefined>;
  /** Told of each reply that anybody on the way may have read and changed: plain HTTP, or certificates that are not checked. */
  readonly onUnprotected?: (url: URL) => void;
  /** Which requests go through a proxy; none unless given. */
  readonly proxy?: ProxyChoice;
  /** What is given up as too slow. */
  readonly pace?: SlowestPace;
  /** Measures the pace. */
  readonly clock?: Clock;
  /** Replaces the system's name lookup. */
  readonly lookup?: LookupFunction;
  /** Replaces the judgement which addresses are private. */
  readonly isPrivateAddress?: (address: string) => boolean;
  /** How many redirects are followed; 5 unless given. With 0 they are replies like all others. */
  readonly maxRedirects?: number;
}

export interface Transport {
  /** Sends the request, follows redirects, and returns the last reply whatever its status. */
  send(request: HttpRequest): Promise<HttpResponse>;
  /** Ends every connection; requests under way fail. */
  close(): Promise<void>;
}

const DEFAULT_MAX_REDIRECTS = 5;
const UNVERIFIED: HostTls = { verify: false };
/** A discarded body is read up to here to keep the connection, else the connection is closed. */
const MAX_DISCARD_BYTES = 64 * 1024;

export function createTransport(options: TransportOptions): Transport {
  const { timeouts, maxRedirects = DEFAULT_MAX_REDIRECTS, pace = DEFAULT_PACE, clock = systemClock } = options;
  const names = new NameLookup(options.lookup, options.isPrivateAddress ?? isPrivateAddress);
  const dispatchers = new Dispatchers({
    connections: options.connectionsPerOrigin,
    connectMs: timeouts.connectMs,
    bodyIdleMs: timeouts.bodyIdleMs,
    names,
  });

  async function tlsFor(url: URL, namedBy: URL): Promise<HostTls | undefined> {
    if (url.protocol !== "https:") return undefined;
    if (options.insecureHosts.has(url.host)) return UNVERIFIED;
    return options.tls?.(url.host, namedBy.host === url.host ? undefined : namedBy.host);
  }

  async function exchange(request: HttpRequest, url: URL, { atHome, publicOnly }: Hop): Promise<HttpResponse> {
    const { method, body, signal, home, namedBy = home } = request;
    const authorization = atHome ? request.authorization : undefined;
    const tls = await tlsFor(url, namedBy);
    const proxy = options.proxy?.(url);
    signal?.throwIfAborted();
    const headers: Record<string, string> = {
      "user-agent": options.userAgent,
      "accept-encoding": "identity",
      ...request.headers,
      ...(authorization === undefined ? {} : { authorization }),
      ...(body === undefined ? {} : { "content-length": String(body.size) }),
    };
    const stall = new AbortController();
    const fail = (error: unknown): unknown => {
      if (isOcibuildError(error)) return error;
      return networkFailure(method, url, stall.signal.aborted ? stall.signal.reason : error, proxy?.url);
    };
    const content = body && watched(body.open(), timeouts.bodyIdleMs, () => stall.abort(uploadStalled()));
    const ends = [...(signal === undefined ? [] : [signal]), ...(content === undefined ? [] : [stall.signal])];
    try {
      const reply = await dispatchers.for({ url, publicOnly, tls, proxy }).request({
        origin: url.origin,
        path: url.pathname + url.search,
        method,
        headers,
        // undici's types do not name async iterables, which it takes.
        body: (content ?? null) as Buffer | null,
        headersTimeout: method === "PUT" || method === "PATCH" ? timeouts.uploadReplyMs : timeouts.headersMs,
        bodyTimeout: timeouts.bodyIdleMs,
        signal: ends.length === 0 ? null : ends.length === 1 ? ends[0]! : AbortSignal.any(ends),
      });
      if (url.protocol === "http:" || tls?.verify === false) options.onUnprotected?.(url);
      return wrap(method, url, atHome, reply, signal, fail, (bytes) => atPace(bytes, pace, clock));
    } catch (error) {
      signal?.throwIfAborted();
      throw fail(error);
    }
  }

  /** Whether a server that `from` leads to must not be private. @throws REGISTRY_PROTOCOL when it is by its address */
  function mustBePublic(method: Method, from: URL, to: URL): boolean {
    if (from.hostname === to.hostname || names.isPrivate(from.hostname)) return false;
    if (names.isPrivate(to.hostname)) throw protocolFailure(method, from, leadsToPrivate(to), PRIVATE_HINT);
    return true;
  }

  return {
    async send(request) {
      let { url } = request;
      const { home, namedBy = home } = request;
      let hop: Hop = { atHome: url.origin === home.origin, publicOnly: mustBePublic(request.method, namedBy, url) };
      for (let hops = 0; ; hops++) {
        const response = await exchange(request, url, hop);
        if (maxRedirects === 0 || !isRedirect(request.method, response.status)) return response;
        await response.discard();
        if (hops === maxRedirects) throw protocolFailure(request.method, url, `more than ${maxRedirects} redirects`);
        const next = resolveLocation(request.method, url, response.header("location"));
        hop = {
          atHome: hop.atHome && next.origin === home.origin,
          publicOnly: mustBePublic(request.method, url, next) || hop.publicOnly,
        };
        url = next;
      }
    },
    close: () => dispatchers.close(),
  };
}

interface Hop {
  /** Whether credentials may go along. */
  readonly atHome: boolean;
  /** A server of the public internet must not lead us into a network that it cannot see itself (threat R2). */
  readonly publicOnly: boolean;
}

/** 303 would turn a write into a read, and old statuses are unclear about it: writes follow only 307 and 308. */
function isRedirect(method: Method, status: number): boolean {
  if (status === 307 || status === 308) return true;
  return (method === "GET" || method === "HEAD") && (status === 301 || status === 302 || status === 303);
}

function wrap(
  method: Method,
  url: URL,
  atHome: boolean,
  reply: Dispatcher.ResponseData,
  signal: AbortSignal | undefined,
  fail: (error: unknown) => unknown,
  paced: (body: AsyncIterable<Buffer>) => AsyncIterable<Buffer>,
): HttpResponse {
  const headers = (name: string): readonly string[] => {
    const value = reply.headers[name];
    return value === undefined ? [] : typeof value === "string" ? [value] : value;
  };
  async function* body(): AsyncGenerator<Buffer> {
    try {
      yield* paced(reply.body as AsyncIterable<Buffer>);
    } catch (error) {
      signal?.throwIfAborted();
      throw fail(error);
    }
  }
  return {
    status: reply.statusCode,
    url,
    atHome,
    headers,
    header: (name) => {
      const values = headers(name);
      return values.length === 0 ? undefined : values.join(", ");
    },
    body: body(),
    async bytes(limitBytes) {
      const chunks: Buffer[] = [];
      let size = 0;
      for await (const chunk of body()) {
        size += chunk.length;
        if (size > limitBytes) {
          throw new OcibuildError(
            "LIMIT_EXCEEDED",
            `${method} ${redactUrl(url)} was answered with more than ${limitBytes} bytes`,
            { details: { limit: "response", value: limitBytes } },
          );
        }
        chunks.push(chunk);
      }
      return Buffer.concat(chunks);
    },
    discard: () => reply.body.dump({ limit: MAX_DISCARD_BYTES }).catch(() => {}) as Promise<void>,
  };
}
