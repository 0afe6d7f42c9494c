/** How one build reaches buckets: made when the first is needed, as the HTTP library takes a while to load. */
import type { Transport } from "../http/transport.js";
import type { S3ClientOptions } from "../shared-cache/s3-client.js";
import { VERSION } from "../version.js";

export interface S3AccessOptions {
  /** For its proxies. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
}

const CONNECTIONS_PER_ORIGIN = 6;

export class S3Access implements AsyncDisposable {
  readonly #options: S3AccessOptions;
  #transport: Promise<Transport> | undefined;

  constructor(options: S3AccessOptions) {
    this.#options = options;
  }

  async options(): Promise<S3ClientOptions> {
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
