/**
 * The registry client: requests to endpoints with authorization, retries, and the choice between https and http.
 *
 * `pull.ts`, `push.ts` and `resolver.ts` say what is asked for; nothing else sends anything.
 */
import { setMaxListeners } from "node:events";
import type { LookupFunction } from "node:net";
import { isLoopback } from "../http/address.js";
import { type Clock, systemClock } from "../http/clock.js";
import type { HttpRequest, HttpResponse, Method, RequestBody } from "../http/messages.js";
import { codeOf, isClosedBeforeTls, isTlsMismatch } from "../http/network-failure.js";
import type { SlowestPace } from "../http/pace.js";
import { protocolFailure } from "../http/protocol-failure.js";
import type { ProxyChoice } from "../http/proxy.js";
import { DEFAULT_RETRY, type RetryPolicy, withRetry } from "../http/retry.js";
import { createTransport, DEFAULT_TIMEOUTS, type Timeouts } from "../http/transport.js";
import { SharedWork } from "../util/shared-work.js";
import { createAuthorizer } from "./auth.js";
import { authenticate, PING } from "./authenticate.js";
import { ByteBudget } from "./byte-budget.js";
import { type HostCertificates, tlsOf } from "./certificates.js";
import { parseChallenges } from "./challenge.js";
import { ANONYMOUS, type CredentialStore, type Credentials } from "./credentials.js";
import { statusFailure } from "./failure.js";
import { type Endpoint, type RegistryHosts, registryHosts } from "./hosts.js";
import type { Scope } from "./scope.js";

export interface RegistryClientOptions {
  readonly hosts?: RegistryHosts;
  readonly credentials?: CredentialStore;
  /** Certificates of hosts beyond the usual. */
  readonly certificates?: HostCertificates;
  /** Which requests go through a proxy; none unless given. */
  readonly proxy?: ProxyChoice;
  readonly userAgent?: string;
  readonly retry?: RetryPolicy;
  readonly timeouts?: Timeouts;
  /** What is given up as too slow: less than so many bytes in so much time of waiting. */
  readonly pace?: SlowestPace;
  /** Requests to one server at a time; 6 unless given. More wait. */
  readonly connectionsPerOrigin?: number;
  /** Bytes of blobs that are held in memory at a time, for uploads in pieces; 64 MiB unless given. More wait. */
  readonly maxBufferedBytes?: number;
  readonly clock?: Clock;
  /** Told, once for each host, when what is said with it is not protected: certificates not checked, or plain HTTP to another machine. */
  readonly onWarning?: (message: string) => void;
  /** Replaces the system's name lookup. */
  readonly lookup?: LookupFunction;
}

export interface ApiRequest {
  readonly method: Method;
  /** Below the origin (`/v2/…`), or a whole URL that the registry gave. */
  readonly target: string | URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: RequestBody;
  readonly scopes: readonly Scope[];
  /** Statuses that are answers; all others are errors. */
  readonly expect: readonly number[];
  readonly signal?: AbortSignal;
}

/** A reply read to its end. */
export interface ApiDocument {
  readonly status: number;
  readonly url: URL;
  readonly bytes: Buffer;
  header(name: string): string | undefined;
}

export interface RegistryClient extends AsyncDisposable {
  readonly hosts: RegistryHosts;
  readonly retry: RetryPolicy;
  readonly clock: Clock;
  /** Limits what uploads hold in memory. */
  readonly uploadBuffers: ByteBudget;
  /** The origin of `endpoint` that is in use; found once. */
  originOf(endpoint: Endpoint, signal?: AbortSignal): Promise<URL>;
  /**
   * Sends once (and once more with new authorization after a 401). The caller reads or discards the body.
   * @throws REGISTRY_REQUEST, REGISTRY_UNAUTHORIZED, REGISTRY_PROTOCOL, REGISTRY_INSECURE, REGISTRY_CREDENTIALS
   */
  send(endpoint: Endpoint, request: ApiRequest): Promise<HttpResponse>;
  /** Sends, and reads the whole body, with retries: for requests that may be repeated. */
  fetch(endpoint: Endpoint, request: ApiRequest, limitBytes: number): Promise<ApiDocument>;
  /**
   * Asks the registry itself whether it takes the credentials, once. Returns what to keep of them: an identity token
   * where its token server gives one.
   * @throws REGISTRY_UNAUTHORIZED when it does not take them, REGISTRY_…
   */
  authenticate(endpoint: Endpoint, credentials: Credentials, signal?: AbortSignal): Promise<Credentials>;
  /** How often a request to `endpoint` is tried: a mirror that fails is passed over soon. */
  attemptsAt(endpoint: Endpoint): number;
  /** Ends every connection. Idempotent. */
  close(): Promise<void>;
}

const DEFAULT_CONNECTIONS = 6;
const MAX_BUFFERED_BYTES = 64 * 1024 * 1024;
const MIRROR_ATTEMPTS = 2;

export function createRegistryClient(options: RegistryClientOptions = {}): RegistryClient {
  const hosts = options.hosts ?? registryHosts();
  const clock = options.clock ?? systemClock;
  const retry = options.retry ?? DEFAULT_RETRY;
  const transport = createTransport({
    userAgent: options.userAgent ?? "ocibuild",
    timeouts: options.timeouts ?? DEFAULT_TIMEOUTS,
    connectionsPerOrigin: options.connectionsPerOrigin ?? DEFAULT_CONNECTIONS,
    insecureHosts: new Set(),
    tls: tlsOf(hosts, options.certificates),
    clock,
    ...(options.proxy === undefined ? {} : { proxy: options.proxy }),
    ...(options.onWarning === undefined ? {} : { onUnprotected: unprotectedWarning(options.onWarning) }),
    ...(options.pace === undefined ? {} : { pace: options.pace }),
    ...(options.lookup === undefined ? {} : { lookup: options.lookup }),
  });
  const closing = new AbortController();
  const lifetime = closing.signal;
  setMaxListeners(0, lifetime);
  const authorizer = createAuthorizer({ transport, credentials: options.credentials ?? ANONYMOUS, clock, lifetime });
  const origins = new SharedWork<URL>();

  /** Asks each origin for the API's root until one speaks its scheme. Only what is no TLS at all leads to plain HTTP. */
  async function findOrigin(endpoint: Endpoint): Promise<URL> {
    const [first, ...others] = endpoint.origins;
    let origin = first;
    for (const next of others) {
      try {
        const response = await transport.send({
          method: "HEAD",
          url: new URL(PING, origin),
          home: origin,
          headers: {},
          signal: lifetime,
        });
        await response.discard();
        return origin;
      } catch (error) {
        lifetime.throwIfAborted();
        const cause = error instanceof Error ? error.cause : undefined;
        // A port that was not written is 443 or 80: a closed one says nothing about the other.
        const refused = codeOf(cause) === "ECONNREFUSED";
        const speaksNoTls = isTlsMismatch(cause) || isClosedBeforeTls(cause) || (refused && origin.port === "");
        if (!speaksNoTls) throw error;
        origin = next;
      }
    }
    return origin;
  }

  const client: RegistryClient = {
    hosts,
    retry,
    clock,
    uploadBuffers: new ByteBudget(options.maxBufferedBytes ?? MAX_BUFFERED_BYTES),
    async originOf(endpoint, signal) {
      const [first, ...others] = endpoint.origins;
      if (others.length === 0) return first;
      const key = endpoint.origins.map((origin) => origin.origin).join(" ");
      return origins.get(key, signal, () =>
        withRetry(policyFor(endpoint), clock, lifetime, () => findOrigin(endpoint)),
      );
    },
    async send(endpoint, request) {
      const { method, signal, scopes } = request;
      const home = await client.originOf(endpoint, signal);
      const url = typeof request.target === "string" ? new URL(request.target, home) : request.target;
      const auth = { endpoint, home, scopes, ...optional({ signal }) };
      const attempt = (authorization: string | undefined): Promise<HttpResponse> => {
        const http: HttpRequest = {
          method,
          url,
          home,
          headers: request.headers ?? {},
          ...optional({ authorization, body: request.body, signal }),
        };
        return transport.send(http);
      };
      const first = url.origin === home.origin ? await authorizer.authorize(auth) : undefined;
      let response = await attempt(first);
      if (response.status === 401 && response.atHome) {
        const challenges = parseChallenges(response.headers("www-authenticate"));
        const renewed = await authorizer.renew(auth, challenges, first);
        if (renewed !== undefined) {
          await response.discard();
          response = await attempt(renewed);
        }
      }
      if (!request.expect.includes(response.status)) {
        if (response.status < 400) {
          await response.discard();
          throw protocolFailure(
            method,
            response.url,
            `expected status ${request.expect.join(" or ")} but got ${response.status}`,
          );
        }
        throw await statusFailure(method, response, signal);
      }
      return response;
    },
    fetch(endpoint, request, limitBytes) {
      return withRetry(policyFor(endpoint), clock, request.signal, async () => {
        const response = await client.send(endpoint, request);
        const encoding = response.header("content-encoding");
        if (encoding !== undefined && encoding !== "identity") {
          await response.discard();
          throw protocolFailure(
            request.method,
            response.url,
            `its body is encoded as "${encoding}", which was not asked for`,
          );
        }
        const bytes = await response.bytes(limitBytes);
        return { status: response.status, url: response.url, bytes, header: response.header };
      });
    },
    authenticate(endpoint, credentials, signal) {
      return withRetry(policyFor(endpoint), clock, signal, async () => {
        const home = await client.originOf(endpoint, signal);
        return authenticate(transport, { endpoint, home, credentials, signal });
      });
    },
    attemptsAt: ({ mirror }) => (mirror ? Math.min(retry.attempts, MIRROR_ATTEMPTS) : retry.attempts),
    close,
    [Symbol.asyncDispose]: close,
  };
  return client;

  async function close(): Promise<void> {
    closing.abort();
    await transport.close();
  }

  function policyFor(endpoint: Endpoint): RetryPolicy {
    return { ...retry, attempts: client.attemptsAt(endpoint) };
  }
}

function unprotectedWarning(onWarning: (message: string) => void): (url: URL) => void {
  const told = new Set<string>();
  return (url) => {
    const isPlain = url.protocol === "http:";
    if ((isPlain && isLoopback(url)) || told.has(url.origin)) return;
    told.add(url.origin);
    const how = isPlain ? `"${url.host}" speaks plain HTTP` : `certificates of "${url.host}" are not checked`;
    onWarning(`${how}: whoever is between can read and change what is sent`);
  };
}

/** The object without its undefined properties. */
function optional<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}
