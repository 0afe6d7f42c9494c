/** Whether a registry takes given credentials: what a login asks. */
import { OcibuildError } from "../errors.js";
import { assertPrivateChannel, redactUrl } from "../http/address.js";
import type { HttpResponse } from "../http/messages.js";
import type { Transport } from "../http/transport.js";
import { parseChallenges } from "./challenge.js";
import type { Credentials } from "./credentials.js";
import { statusFailure } from "./failure.js";
import type { Endpoint } from "./hosts.js";
import { basicAuthorization, fetchToken } from "./token.js";

/** The root of the API: answers everybody who may use the registry at all. */
export const PING = "/v2/";

export interface AuthenticateRequest {
  readonly endpoint: Endpoint;
  /** Origin of the endpoint that is in use. */
  readonly home: URL;
  readonly credentials: Credentials;
  readonly signal: AbortSignal | undefined;
}

/**
 * Shows the credentials in the way in which the registry asks for them. Returns what to keep of them.
 * @throws REGISTRY_UNAUTHORIZED when they are not taken, REGISTRY_INSECURE, REGISTRY_REQUEST, REGISTRY_PROTOCOL
 */
export async function authenticate(transport: Transport, request: AuthenticateRequest): Promise<Credentials> {
  const { endpoint, home, credentials, signal } = request;
  const host = endpoint.credentialHost;
  const first = await ping(transport, request, undefined);
  if (first.status === 200) {
    await first.discard();
    // It asks nobody, so it cannot tell whether they are right: docker keeps them then, too.
    return credentials;
  }
  if (first.status !== 401 || !first.atHome) throw await statusFailure("GET", first, signal);
  const challenges = parseChallenges(first.headers("www-authenticate"));
  await first.discard();
  const bearer = challenges.find(({ scheme }) => scheme === "bearer");
  const basic = challenges.find(({ scheme }) => scheme === "basic");
  assertPrivateChannel(home, host);
  let authorization: string | undefined;
  let kept = credentials;
  if (bearer !== undefined && credentials.kind === "registry-token") authorization = `Bearer ${credentials.token}`;
  else if (bearer !== undefined) {
    const token = await fetchToken(transport, {
      challenge: bearer,
      home,
      host,
      scopes: [],
      credentials,
      offline: credentials.kind === "basic",
      ...(signal === undefined ? {} : { signal }),
    });
    authorization = `Bearer ${token.value}`;
    if (token.identityToken !== undefined) kept = { kind: "identity-token", token: token.identityToken };
  } else if (basic !== undefined && credentials.kind === "basic") authorization = basicAuthorization(credentials);
  if (authorization === undefined) throw noWay(request);
  const second = await ping(transport, request, authorization);
  if (second.status !== 200) throw await statusFailure("GET", second, signal);
  await second.discard();
  return kept;
}

function ping(
  transport: Transport,
  { home, signal }: AuthenticateRequest,
  authorization: string | undefined,
): Promise<HttpResponse> {
  return transport.send({
    method: "GET",
    url: new URL(PING, home),
    home,
    headers: {},
    ...(authorization === undefined ? {} : { authorization }),
    ...(signal === undefined ? {} : { signal }),
  });
}

function noWay({ endpoint, home, credentials }: AuthenticateRequest): OcibuildError {
  const url = redactUrl(new URL(PING, home));
  const what = credentials.kind === "basic" ? "a user and a password" : "a token";
  return new OcibuildError(
    "REGISTRY_UNAUTHORIZED",
    `GET ${url} was answered with status 401, and registry "${endpoint.credentialHost}" asks for something else than ${what}`,
    { details: { method: "GET", url, status: 401 } },
  );
}
