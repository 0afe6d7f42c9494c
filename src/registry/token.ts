/** Bearer tokens from a registry's token server. @spec distribution token authentication, OAuth2 RFC 6749 §6 */
import { OcibuildError } from "../errors.js";
import { assertPrivateChannel, redactUrl } from "../http/address.js";
import type { HttpRequest } from "../http/messages.js";
import { protocolFailure } from "../http/protocol-failure.js";
import type { Transport } from "../http/transport.js";
import type { Challenge } from "./challenge.js";
import type { Credentials } from "./credentials.js";
import { statusFailure } from "./failure.js";

export interface Token {
  readonly value: string;
  /** How long it is good, from the moment it was asked for. */
  readonly lifetimeMs: number;
  /** To be kept instead of a password; only where it was asked for, and the server gives such. */
  readonly identityToken?: string;
}

export interface TokenRequest {
  readonly challenge: Challenge;
  /** The origin that sent the challenge. */
  readonly home: URL;
  /** Name of the registry in messages. */
  readonly host: string;
  /** `repository:name:actions` texts. */
  readonly scopes: readonly string[];
  readonly credentials: Credentials | undefined;
  /** Whether an identity token is wanted, too. */
  readonly offline?: boolean;
  readonly signal?: AbortSignal;
}

const MAX_TOKEN_REPLY_BYTES = 64 * 1024;
/** What the specification says where the reply says nothing. */
const DEFAULT_LIFETIME_MS = 60_000;
const MAX_LIFETIME_MS = 24 * 3_600_000;
const CLIENT_ID = "ocibuild";

/**
 * Asks the challenge's realm for a token. Credentials go only over TLS or to this machine, on the registry's own
 * connection as well: over plain HTTP anybody could have written the realm.
 * @throws REGISTRY_INSECURE, REGISTRY_UNAUTHORIZED, REGISTRY_REQUEST, REGISTRY_PROTOCOL, LIMIT_EXCEEDED
 */
export async function fetchToken(transport: Transport, request: TokenRequest): Promise<Token> {
  const realm = realmOf(request);
  const { credentials, signal } = request;
  if (credentials !== undefined) {
    assertPrivateChannel(request.home, request.host);
    assertPrivateChannel(realm, request.host);
  }
  const http =
    credentials?.kind === "identity-token"
      ? refreshRequest(realm, request, credentials.token)
      : getRequest(realm, request);
  const response = await transport.send(http);
  if (response.status !== 200) throw await statusFailure(http.method, response, signal);
  const bytes = await response.bytes(MAX_TOKEN_REPLY_BYTES);
  const { TokenReplySchema } = await import("./schemas.js");
  const reply = TokenReplySchema.safeParse(parseJson(bytes));
  const value = reply.success ? reply.data.token || reply.data.access_token : undefined;
  // A token becomes a header: what cannot stand there must not come so far.
  if (!reply.success || value === undefined || !/^[\x21-\x7e]+$/.test(value)) {
    throw protocolFailure(http.method, realm, "it has no token");
  }
  const seconds = reply.data.expires_in;
  const lifetimeMs = seconds === undefined || !(seconds > 0) ? DEFAULT_LIFETIME_MS : seconds * 1000;
  const { refresh_token: identityToken = "" } = reply.data;
  return {
    value,
    lifetimeMs: Math.min(lifetimeMs, MAX_LIFETIME_MS),
    ...(request.offline === true && identityToken !== "" ? { identityToken } : {}),
  };
}

function realmOf({ challenge, home, host }: TokenRequest): URL {
  const text = challenge.parameters.get("realm");
  if (text === undefined || !URL.canParse(text))
    throw protocolFailure("GET", home, "its challenge names no realm to ask for a token");
  const realm = new URL(text);
  if (realm.protocol !== "https:" && realm.protocol !== "http:") {
    throw protocolFailure("GET", home, `its realm has the scheme "${realm.protocol}"`);
  }
  if (home.protocol === "https:" && realm.protocol === "http:") {
    throw new OcibuildError(
      "REGISTRY_INSECURE",
      `registry "${host}" sends to "${redactUrl(realm)}" for a token, over plain HTTP`,
      {
        details: { host },
        hint: "The registry's token realm must be an https address.",
      },
    );
  }
  realm.username = "";
  realm.password = "";
  realm.hash = "";
  return realm;
}

function getRequest(realm: URL, { challenge, home, scopes, credentials, offline, signal }: TokenRequest): HttpRequest {
  const url = new URL(realm);
  const service = challenge.parameters.get("service");
  if (service !== undefined) url.searchParams.set("service", service);
  for (const scope of scopes) url.searchParams.append("scope", scope);
  if (credentials?.kind === "basic") url.searchParams.set("account", credentials.username);
  if (offline === true) {
    url.searchParams.set("offline_token", "true");
    url.searchParams.set("client_id", CLIENT_ID);
  }
  return {
    method: "GET",
    url,
    home: realm,
    namedBy: home,
    headers: { accept: "application/json" },
    ...(credentials?.kind === "basic" ? { authorization: basicAuthorization(credentials) } : {}),
    ...(signal === undefined ? {} : { signal }),
  };
}

function refreshRequest(
  realm: URL,
  { challenge, home, scopes, signal }: TokenRequest,
  refreshToken: string,
): HttpRequest {
  const form = new URLSearchParams({
    grant_type: "refresh_token",
    refresh_token: refreshToken,
    client_id: CLIENT_ID,
    service: challenge.parameters.get("service") ?? "",
    scope: scopes.join(" "),
  });
  const body = Buffer.from(form.toString());
  return {
    method: "POST",
    url: realm,
    home: realm,
    namedBy: home,
    headers: { accept: "application/json", "content-type": "application/x-www-form-urlencoded" },
    body: { size: body.length, open: () => body },
    ...(signal === undefined ? {} : { signal }),
  };
}

/** @spec RFC 7617 */
export function basicAuthorization({
  username,
  password,
}: {
  readonly username: string;
  readonly password: string;
}): string {
  return `Basic ${Buffer.from(`${username}:${password}`, "utf8").toString("base64")}`;
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return undefined;
  }
}
