/** How one build reaches caches of services: made when the first is needed, as the HTTP library takes a while to load. */
import type { Transport } from "../http/transport.js";
import { VERSION } from "../version.js";

export interface CacheAccessOptions {
  /** For its proxies. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
}

/** What clients of such services are made with. */
export interface CacheClientOptions {
  /** Follows no redirects. */
  readonly transport: Transport;
  readonly wallMs: () => number;
}

const CONNECTIONS_PER_ORIGIN = 6;

export class CacheAccess implements AsyncDisposable {
  readonly #options: CacheAccessOptions;
  #transport: Promise<Transport> | undefined;

  constructor(options: CacheAccessOptions) {
    this.#options = options;
  }

  async options(): Promise<CacheClientOptions> {
    this.#transport ??= this.#connect();
    return { transport: await this.#transport, wallMs: this.#options.wallMs };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#transport)?.close();
  }

  async #connect(): Promise<Transport> {
    const [{ createTransport, DEFAULT_TIMEOUTS }, { proxiesOf }] = await Promise.all([
      import("../http/transport.js"),
      import("../http/proxy.js"),
    ]);
    return createTransport({
      userAgent: `ocibuild/${VERSION}`,
      timeouts: DEFAULT_TIMEOUTS,
      connectionsPerOrigin: CONNECTIONS_PER_ORIGIN,
      insecureHosts: new Set(),
      proxy: proxiesOf(this.#options.env),
      maxRedirects: 0,
    });
  }
}
