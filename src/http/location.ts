/** Where a reply leads: redirects and the locations of uploads. @spec RFC 9110 §10.2.2 */
import { redactUrl } from "./address.js";
import type { Method } from "./messages.js";
import { protocolFailure } from "./protocol-failure.js";

/**
 * Where a `Location` leads, seen from `url`; it may be relative.
 * @throws REGISTRY_PROTOCOL when there is none, or it leaves HTTP or TLS
 */
export function resolveLocation(method: Method, url: URL, location: string | undefined): URL {
  if (location === undefined) throw protocolFailure(method, url, "its Location header is missing");
  if (!URL.canParse(location, url.href)) throw protocolFailure(method, url, "its Location header is not a URL");
  const next = new URL(location, url);
  if (next.protocol !== "https:" && next.protocol !== "http:") {
    throw protocolFailure(method, url, `it leads to the scheme "${next.protocol}"`);
  }
  if (url.protocol === "https:" && next.protocol === "http:") {
    throw protocolFailure(
      method,
      url,
      `it leads from https to plain HTTP at "${redactUrl(next)}"`,
      "The registry, or the proxy before it, must give https locations.",
    );
  }
  next.username = "";
  next.password = "";
  return next;
}
