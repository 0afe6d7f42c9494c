/** Lists that come in pages, each with a `Link` to the next. @spec distribution-spec#listing-tags, RFC 8288 */
import { OcibuildError } from "../errors.js";
import { redactUrl } from "../http/address.js";
import { protocolFailure } from "../http/protocol-failure.js";
import { MAX_DOCUMENT_BYTES } from "../util/strict-json.js";
import type { ApiDocument, ApiRequest, RegistryClient } from "./client.js";
import type { Endpoint } from "./hosts.js";

const MAX_PAGES = 10_000;

/**
 * The replies to `request` and to what they link to, one after the other.
 * @throws REGISTRY_…, REGISTRY_PROTOCOL for links that lead elsewhere or in a circle, LIMIT_EXCEEDED over 10,000 pages
 */
export async function* fetchPages(
  client: RegistryClient,
  endpoint: Endpoint,
  request: ApiRequest,
): AsyncGenerator<ApiDocument> {
  const seen = new Set<string>();
  let next: ApiRequest | undefined = request;
  while (next !== undefined) {
    const reply: ApiDocument = await client.fetch(endpoint, next, MAX_DOCUMENT_BYTES);
    yield reply;
    const link = reply.status === 200 ? nextLink(reply.header("link")) : undefined;
    if (link === undefined) return;
    const url = pageUrl(reply, link);
    if (seen.has(url.href)) throw protocolFailure("GET", reply.url, "its pages link in a circle");
    seen.add(url.href);
    if (seen.size > MAX_PAGES) {
      throw new OcibuildError("LIMIT_EXCEEDED", `${redactUrl(reply.url)} has more than ${MAX_PAGES} pages`, {
        details: { limit: "pages", value: MAX_PAGES },
      });
    }
    next = { ...request, target: url };
  }
}

/** Pages stay on the server: a list is no redirect. */
function pageUrl(reply: ApiDocument, link: string): URL {
  const url = URL.canParse(link, reply.url.href) ? new URL(link, reply.url) : undefined;
  if (url === undefined || url.host !== reply.url.host) {
    throw protocolFailure("GET", reply.url, "its Link to the next page leads to another server");
  }
  // Behind a proxy that ends TLS, registries often think that they speak http.
  url.protocol = reply.url.protocol;
  url.username = "";
  url.password = "";
  url.hash = "";
  return url;
}

/** The target of `<…>; rel="next"`. */
export function nextLink(header: string | undefined): string | undefined {
  for (const [, target, parameters] of (header ?? "").slice(0, 16_384).matchAll(/<([^<>]*)>([^<]*)/g)) {
    if (/;\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next\s*(?:[;,]|$))/i.test(parameters!)) return target;
  }
  return undefined;
}
