/** The Authorization header for a file, from the secrets that BuildKit looks for, or from the URL itself. */
import { OcibuildError } from "../errors.js";
import { redactUrl } from "../http/address.js";

export type ReadSecret = (id: string) => Promise<Uint8Array | undefined>;

/** The header's value; `undefined` where nothing is known. @throws CONTEXT_FETCH for a secret that is no header */
export async function httpAuthorization(url: URL, secret: ReadSecret): Promise<string | undefined> {
  const token = await secret(`HTTP_AUTH_TOKEN_${url.hostname}`);
  if (token !== undefined) return checked(url, `Bearer ${textOf(token)}`);
  const header = await secret(`HTTP_AUTH_HEADER_${url.hostname}`);
  if (header !== undefined) return checked(url, textOf(header));
  if (url.username === "" && url.password === "") return undefined;
  const credentials = `${decoded(url.username)}:${decoded(url.password)}`;
  return `Basic ${Buffer.from(credentials, "utf8").toString("base64")}`;
}

/** Files that hold a token end with a line break more often than not. */
function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("utf8").trim();
}

function checked(url: URL, value: string): string {
  if (/^[\t\u0020-\u007e]+$/.test(value)) return value;
  throw new OcibuildError(
    "CONTEXT_FETCH",
    `the HTTP_AUTH secret for "${url.hostname}" expected one line of ASCII text but got something else`,
    { details: { url: redactUrl(url) } },
  );
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
