/** Addresses: what is loopback, which origin a credential belongs to, and URLs without their secrets. */

import { OcibuildError } from "../errors.js";

/** Query parameters that may be shown: they name things and prove nothing. */
const PUBLIC_PARAMETERS: ReadonlySet<string> = new Set(["service", "scope", "digest", "mount", "from", "n", "last"]);

/** True for `localhost`, 127/8 and ::1 as `URL.hostname` gives them (decimal and hex forms are normalised by `URL`). */
export function isLoopback(url: URL): boolean {
  const host = url.hostname;
  return host === "localhost" || host === "[::1]" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

/** True where a secret may be sent: over TLS, or to this machine. */
function isPrivateChannel(url: URL): boolean {
  return url.protocol === "https:" || isLoopback(url);
}

/**
 * The URL as a channel for secrets.
 * @throws REGISTRY_INSECURE when it is plain HTTP to another machine
 */
export function assertPrivateChannel(url: URL, host: string): void {
  if (isPrivateChannel(url)) return;
  throw new OcibuildError(
    "REGISTRY_INSECURE",
    `credentials for "${host}" are not sent over plain HTTP to "${url.host}"`,
    { details: { host }, hint: "Give the registry a certificate, or remove the credentials to go on anonymously." },
  );
}

/** The URL as it may stand in messages: no user part, no fragment, values of unknown query parameters hidden. */
export function redactUrl(url: URL): string {
  const query: string[] = [];
  for (const [name, value] of url.searchParams) {
    query.push(`${encodeURIComponent(name)}=${PUBLIC_PARAMETERS.has(name) ? value : "…"}`);
  }
  return `${url.origin}${url.pathname}${query.length === 0 ? "" : `?${query.join("&")}`}`;
}
