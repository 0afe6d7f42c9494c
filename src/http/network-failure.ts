/** What went wrong below HTTP: which errors may pass, and what they mean in words. */
import { OcibuildError } from "../errors.js";
import { redactUrl } from "./address.js";
import { PRIVATE_ADDRESS, PRIVATE_HINT } from "./name-lookup.js";
import { TOO_SLOW, UPLOAD_STALLED } from "./pace.js";
import { protocolFailure } from "./protocol-failure.js";

const RETRYABLE: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENETDOWN",
  "UND_ERR_SOCKET",
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
  TOO_SLOW,
  UPLOAD_STALLED,
]);

/** What undici says when a proxy refuses a tunnel, or wants to know who we are. */
const PROXY_STATUS = /^Proxy response \((\d{3})\)|^Proxy Authentication Required \((407)\)/;
const PROXY_MAY_PASS: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);

/** The peer answered something that is not TLS. */
const NOT_TLS: ReadonlySet<string> = new Set([
  "ERR_SSL_WRONG_VERSION_NUMBER",
  "ERR_SSL_PACKET_LENGTH_TOO_LONG",
  "ERR_SSL_UNKNOWN_PROTOCOL",
  "ERR_SSL_HTTP_REQUEST",
]);

/** The error for a request that got no answer, or a broken one; `proxy` is the one that it went through. */
export function networkFailure(method: string, url: URL, cause: unknown, proxy?: URL): OcibuildError {
  const code = codeOf(cause);
  const shown = redactUrl(url);
  // Not every error of the parser has a code.
  const { name } = (cause ?? {}) as { readonly name?: unknown };
  if (name === "HTTPParserError" || code.startsWith("HPE_") || code === "UND_ERR_HEADERS_OVERFLOW") {
    return new OcibuildError("REGISTRY_PROTOCOL", `${method} ${shown} was answered with something that is not HTTP`, {
      details: { method, url: shown },
      cause,
    });
  }
  if (code === PRIVATE_ADDRESS)
    return protocolFailure(method, url, "a redirect led to a private address", PRIVATE_HINT);
  const proxyStatus = proxyStatusOf(cause);
  const hint = proxyStatus === undefined ? hintFor(code, url, cause) : proxyHint(proxyStatus);
  const words = proxyStatus === undefined ? wordsFor(code, cause) : `the proxy answered with status ${proxyStatus}`;
  const via = proxy === undefined ? "" : ` (through the proxy "${proxy.origin}")`;
  const mayPass = proxyStatus === undefined ? RETRYABLE.has(code) : PROXY_MAY_PASS.has(proxyStatus);
  return new OcibuildError("REGISTRY_REQUEST", `${method} ${shown} got no complete answer: ${words}${via}`, {
    details: { method, url: shown, retryable: mayPass && !isTlsMismatch(cause) },
    cause,
    ...(hint === undefined ? {} : { hint }),
  });
}

function proxyStatusOf(cause: unknown): number | undefined {
  const match = PROXY_STATUS.exec(cause instanceof Error ? cause.message : "");
  return match === null ? undefined : Number(match[1] ?? match[2]);
}

function proxyHint(status: number): string {
  return status === 407
    ? "The proxy wants to know who you are: put user and password into HTTPS_PROXY, http://USER:PASSWORD@HOST:PORT."
    : "Check HTTPS_PROXY, or except the host with NO_PROXY.";
}

/** True when the peer does not speak TLS: never true for a certificate that was not accepted. */
export function isTlsMismatch(error: unknown): boolean {
  if (NOT_TLS.has(codeOf(error))) return true;
  const { message = "" } = (error ?? {}) as { message?: string };
  return codeOf(error) === "EPROTO" && /wrong version number|packet length too long|http request/.test(message);
}

/** True when the peer closed the connection before any TLS was spoken. */
export function isClosedBeforeTls(error: unknown): boolean {
  const { message = "" } = (error ?? {}) as { message?: string };
  return message.includes("before secure TLS connection was established");
}

/** The `code` of a system's or undici's error; empty when it has none. */
export function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === "string" ? code : "";
}

function wordsFor(code: string, cause: unknown): string {
  switch (code) {
    case "UND_ERR_CONNECT_TIMEOUT":
      return "the connection was not made in time";
    case "UND_ERR_HEADERS_TIMEOUT":
      return "no reply came in time";
    case "UND_ERR_BODY_TIMEOUT":
      return "the reply stalled";
    case UPLOAD_STALLED:
      return "the upload stalled";
    case "ENOTFOUND":
      return "the host's name is not known";
    case "ECONNREFUSED":
      return "the connection was refused";
    default:
      return cause instanceof Error && cause.message !== "" ? cause.message : code || "unknown reason";
  }
}

function hintFor(code: string, url: URL, cause: unknown): string | undefined {
  if (isTlsMismatch(cause)) {
    return `The registry does not speak TLS: allow plain HTTP with --insecure-registry ${url.host}.`;
  }
  if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|ALTNAME/.test(code)) {
    return `Its certificate was not accepted: put its authority into /etc/docker/certs.d/${url.host}/ca.crt or NODE_EXTRA_CA_CERTS, or allow it with --insecure-registry ${url.host}.`;
  }
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return `Check the name "${url.hostname}" and the network.`;
  return undefined;
}
