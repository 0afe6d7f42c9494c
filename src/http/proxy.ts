/**
 * Which proxy a request goes through, as `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` say and Go's and curl's programs read
 * them: in either case, `NO_PROXY` with names, addresses, networks and ports. This machine is never asked for by proxy.
 */
import { BlockList, isIP } from "node:net";
import { OcibuildError } from "../errors.js";
import { isLoopback } from "./address.js";

export interface ProxyServer {
  /** `http` or `https`, without user and path. */
  readonly url: URL;
  /** Value of `Proxy-Authorization`: goes to the proxy only. */
  readonly authorization?: string;
}

/** The proxy for a URL; `undefined` for none. @throws OPTIONS_INVALID, OPTIONS_UNSUPPORTED for a proxy that cannot be used */
export type ProxyChoice = (url: URL) => ProxyServer | undefined;

type Variables = Readonly<Record<string, string | undefined>>;

/** Reads the variables of `env`; a proxy that cannot be used is an error when it is needed. */
export function proxiesOf(env: Variables): ProxyChoice {
  // A CGI program gets the request's `Proxy` header as HTTP_PROXY.
  const isCgi = env["REQUEST_METHOD"] !== undefined && env["REQUEST_METHOD"] !== "";
  const names: Readonly<Record<string, readonly string[]>> = {
    "http:": isCgi ? ["http_proxy"] : ["HTTP_PROXY", "http_proxy"],
    "https:": ["HTTPS_PROXY", "https_proxy"],
  };
  const exceptions = parseNoProxy(first(env, ["NO_PROXY", "no_proxy"])?.value ?? "");
  const known = new Map<string, ProxyServer>();
  return (url) => {
    const found = first(env, names[url.protocol] ?? []);
    if (found === undefined || isThisMachine(url) || exceptions(url)) return undefined;
    const proxy = known.get(found.name) ?? parseProxy(found.name, found.value);
    known.set(found.name, proxy);
    return proxy;
  };
}

function first(
  env: Variables,
  names: readonly string[],
): { readonly name: string; readonly value: string } | undefined {
  for (const name of names) {
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    if (value !== undefined && value !== "") return { name, value };
  }
  return undefined;
}

function isThisMachine(url: URL): boolean {
  return isLoopback(url) || url.hostname.endsWith(".localhost");
}

/** The value stands in no error: it may have a password. */
function parseProxy(name: string, text: string): ProxyServer {
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (url === undefined || url.hostname === "") {
    throw new OcibuildError("OPTIONS_INVALID", `the variable ${name} is not the URL of a proxy`, {
      details: { option: name },
      hint: 'Expected for example "http://proxy.example:3128".',
    });
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new OcibuildError("OPTIONS_UNSUPPORTED", `the variable ${name} names a proxy of the kind "${url.protocol}"`, {
      details: { option: name },
      hint: "Proxies can be http and https.",
    });
  }
  const { username, password } = url;
  const authorization =
    username === "" && password === ""
      ? undefined
      : `Basic ${Buffer.from(`${decoded(username)}:${decoded(password)}`, "utf8").toString("base64")}`;
  return { url: new URL(url.origin), ...(authorization === undefined ? {} : { authorization }) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Whether `NO_PROXY` excepts a URL: `*`, `host`, `.domain`, `*.domain`, an address, a network, each also with a port. */
export function parseNoProxy(text: string): (url: URL) => boolean {
  const entries = text
    .toLowerCase()
    .split(/[,\s]+/)
    .filter((entry) => entry !== "");
  if (entries.includes("*")) return () => true;
  const tests = entries.map(parseException);
  return (url) => {
    const host = url.hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
    const port = url.port === "" ? (url.protocol === "https:" ? "443" : "80") : url.port;
    return tests.some((matches) => matches(host, port));
  };
}

function parseException(entry: string): (host: string, port: string) => boolean {
  const network = /^([0-9a-f.:]+)\/(\d{1,3})$/.exec(entry);
  if (network !== null) return inNetwork(network[1]!, Number(network[2]));
  const { name, port } = splitPort(entry);
  const isPort = (asked: string): boolean => port === undefined || port === asked;
  if (isIP(name) !== 0) return (host, asked) => isPort(asked) && isIP(host) !== 0 && sameAddress(host, name);
  const domain = name.replace(/^\*\./, ".");
  if (domain.startsWith(".")) return (host, asked) => isPort(asked) && host.endsWith(domain);
  return (host, asked) => isPort(asked) && (host === domain || host.endsWith(`.${domain}`));
}

function splitPort(entry: string): { readonly name: string; readonly port?: string } {
  const bracketed = /^\[([^\]]*)\](?::(\d+))?$/.exec(entry);
  if (bracketed !== null) return { name: bracketed[1]!, ...(bracketed[2] === undefined ? {} : { port: bracketed[2] }) };
  const withPort = /^([^:]*):(\d+)$/.exec(entry);
  return withPort === null ? { name: entry } : { name: withPort[1]!, port: withPort[2]! };
}

function inNetwork(address: string, bits: number): (host: string) => boolean {
  const version = isIP(address);
  if (version === 0 || bits > (version === 4 ? 32 : 128)) return () => false;
  const list = new BlockList();
  list.addSubnet(address, bits, version === 4 ? "ipv4" : "ipv6");
  return (host) => isIP(host) === version && list.check(host, version === 4 ? "ipv4" : "ipv6");
}

function sameAddress(a: string, b: string): boolean {
  return isIP(a) === isIP(b) && inNetwork(b, isIP(b) === 4 ? 32 : 128)(a);
}
