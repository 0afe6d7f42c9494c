/** What went wrong below HTTP: which errors may pass, and what they mean in words. */
import { OcibuildError } from "../errors.js";
import { redactUrl } from "./address.js";
import { PRIVATE_ADDRESS, PRIVATE_HINT } from "./name-lookup.js";
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
]);

/** The peer answered something that is not TLS. */
const NOT_TLS: ReadonlySet<string> = new Set([
  "ERR_SSL_WRONG_VERSION_NUMBER",
  "ERR_SSL_PACKET_LENGTH_TOO_LONG",
  "ERR_SSL_UNKNOWN_PROTOCOL",
  "ERR_SSL_HTTP_REQUEST",
]);

/** The error for a request that got no answer, or a broken one. */
export function networkFailure(method: string, url: URL, cause: unknown): OcibuildError {
  const code = codeOf(cause);
  const shown = redactUrl(url);
  if (code.startsWith("HPE_") || code === "UND_ERR_HEADERS_OVERFLOW") {
    return new OcibuildError("REGISTRY_PROTOCOL", `${method} ${shown} was answered with something that is not HTTP`, {
      details: { method, url: shown },
      cause,
    });
  }
  if (code === PRIVATE_ADDRESS)
    return protocolFailure(method, url, "a redirect led to a private address", PRIVATE_HINT);
  const hint = hintFor(code, url, cause);
  return new OcibuildError("REGISTRY_REQUEST", `${method} ${shown} got no complete answer: ${wordsFor(code, cause)}`, {
    details: { method, url: shown, retryable: RETRYABLE.has(code) && !isTlsMismatch(cause) },
    cause,
    ...(hint === undefined ? {} : { hint }),
  });
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
    return `Its certificate was not accepted: add its authority with NODE_EXTRA_CA_CERTS, or allow it with --insecure-registry ${url.host}.`;
  }
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return `Check the name "${url.hostname}" and the network.`;
  return undefined;
}
