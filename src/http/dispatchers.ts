/** The connections that requests go over: one pool of them for each set of certificates, proxy and rule for addresses. */
import * as tls from "node:tls";
import { Agent, type Dispatcher, ProxyAgent } from "undici";
import type { NameLookup } from "./name-lookup.js";
import type { ProxyServer } from "./proxy.js";

/** What TLS with one host needs beyond the usual. PEM texts. */
export interface HostTls {
  /** False: certificates are not checked. */
  readonly verify?: boolean;
  /** Authorities that are trusted beside the known ones. */
  readonly authorities?: readonly string[];
  /** What we show when we are asked who we are. */
  readonly client?: { readonly certificate: string; readonly key: string };
}

/** Which connections a request may use. */
export interface Route {
  readonly url: URL;
  /** Addresses of private networks are refused. */
  readonly publicOnly: boolean;
  readonly tls: HostTls | undefined;
  readonly proxy: ProxyServer | undefined;
}

export interface DispatcherOptions {
  readonly connections: number;
  readonly connectMs: number;
  readonly bodyIdleMs: number;
  readonly names: NameLookup;
}

export class Dispatchers {
  readonly #options: DispatcherOptions;
  readonly #known = new Map<string, Dispatcher>();
  /** Settings of TLS are compared by identity: whoever gives them gives the same ones again. */
  readonly #tlsIds = new Map<HostTls, number>();
  #isClosed = false;

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  for(route: Route): Dispatcher {
    if (this.#isClosed) throw new Error("the client is closed");
    const { publicOnly, tls: settings, proxy } = route;
    const tlsId = settings === undefined ? 0 : this.#idOf(settings);
    const key = [publicOnly, tlsId, proxy?.url.href, proxy?.authorization].join(" ");
    const dispatcher = this.#known.get(key) ?? this.#create(route);
    this.#known.set(key, dispatcher);
    return dispatcher;
  }

  /** Ends every connection. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#known.values()].map((dispatcher) => dispatcher.destroy()));
    this.#known.clear();
  }

  #create({ publicOnly, tls: settings, proxy }: Route): Dispatcher {
    const { connections, connectMs, bodyIdleMs, names } = this.#options;
    const secure = secureOptions(settings);
    const lookup = publicOnly ? names.publicOnly : names.any;
    const shared = { connections, bodyTimeout: bodyIdleMs };
    if (proxy === undefined) {
      return new Agent({ ...shared, connect: { timeout: connectMs, lookup, ...secure } });
    }
    return new ProxyAgent({
      ...shared,
      uri: proxy.url.href,
      // Plain HTTP is asked for by its whole URL, as curl and Go do; TLS always goes through a tunnel.
      proxyTunnel: false,
      proxyTls: { timeout: connectMs, lookup: names.any },
      requestTls: { timeout: connectMs, ...secure },
      ...(proxy.authorization === undefined ? {} : { token: proxy.authorization }),
    });
  }

  #idOf(settings: HostTls): number {
    const id = this.#tlsIds.get(settings) ?? this.#tlsIds.size + 1;
    this.#tlsIds.set(settings, id);
    return id;
  }
}

interface SecureOptions {
  readonly rejectUnauthorized: boolean;
  readonly ca?: string[];
  readonly cert?: string;
  readonly key?: string;
}

function secureOptions(settings: HostTls | undefined): SecureOptions {
  const { verify = true, authorities = [], client } = settings ?? {};
  return {
    rejectUnauthorized: verify,
    ...(authorities.length === 0 ? {} : { ca: [...knownAuthorities(), ...authorities] }),
    ...(client === undefined ? {} : { cert: client.certificate, key: client.key }),
  };
}

/** What Node trusts by itself; with NODE_EXTRA_CA_CERTS where Node tells. */
function knownAuthorities(): readonly string[] {
  const { getCACertificates } = tls as { getCACertificates?: (type: "default") => string[] };
  return getCACertificates?.("default") ?? tls.rootCertificates;
}
