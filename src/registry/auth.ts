/**
 * Authorization of requests: challenges are remembered per origin, tokens per origin and scope, credentials belong to
 * an endpoint and never leave its origin (or the realm it names).
 */

import { assertPrivateChannel } from "../http/address.js";
import type { Clock } from "../http/clock.js";
import type { Transport } from "../http/transport.js";
import { SharedWork } from "../util/shared-work.js";
import type { Challenge } from "./challenge.js";
import type { CredentialStore, Credentials } from "./credentials.js";
import type { Endpoint } from "./hosts.js";
import { formatScopes, repositoryOf, type Scope, withChallengeScopes } from "./scope.js";
import { basicAuthorization, fetchToken } from "./token.js";

export interface AuthRequest {
  readonly endpoint: Endpoint;
  /** Origin of the endpoint that is in use. */
  readonly home: URL;
  readonly scopes: readonly Scope[];
  readonly signal?: AbortSignal;
}

export interface Authorizer {
  /** Value of the `Authorization` header to begin with; `undefined` while nothing was asked for. */
  authorize(request: AuthRequest): Promise<string | undefined>;
  /**
   * A new value after `rejected` was answered with 401 and `challenges`; `undefined` when there is nothing better.
   * @throws REGISTRY_CREDENTIALS, REGISTRY_INSECURE and what the token server causes
   */
  renew(
    request: AuthRequest,
    challenges: readonly Challenge[],
    rejected: string | undefined,
  ): Promise<string | undefined>;
}

interface CachedToken {
  readonly authorization: string;
  readonly expiresMs: number;
}

/** A token is renewed this long before its end, or at a tenth of a short life. */
const EXPIRY_MARGIN_MS = 15_000;

export interface AuthorizerOptions {
  readonly transport: Transport;
  readonly credentials: CredentialStore;
  readonly clock: Clock;
  /** Ends look-ups and token requests that are shared by several requests. */
  readonly lifetime: AbortSignal;
}

export function createAuthorizer({ transport, credentials, clock, lifetime }: AuthorizerOptions): Authorizer {
  const challengeOf = new Map<string, Challenge>();
  const credentialsOf = new SharedWork<Credentials | undefined>();
  const tokens = new SharedWork<CachedToken>();

  function lookUp({ endpoint, scopes, signal }: AuthRequest): Promise<Credentials | undefined> {
    const { credentialHost } = endpoint;
    const repository = repositoryOf(scopes);
    const query = { signal: lifetime, ...(repository === undefined ? {} : { repository }) };
    return credentialsOf.get(`${credentialHost} ${repository}`, signal, () => credentials.get(credentialHost, query));
  }

  async function basic(request: AuthRequest): Promise<string | undefined> {
    const known = await lookUp(request);
    if (known?.kind !== "basic") return undefined;
    assertPrivateChannel(request.home, request.endpoint.credentialHost);
    return basicAuthorization(known);
  }

  async function bearer(
    request: AuthRequest,
    challenge: Challenge,
    rejected: string | undefined,
  ): Promise<string | undefined> {
    const known = await lookUp(request);
    if (known?.kind === "registry-token") {
      assertPrivateChannel(request.home, request.endpoint.credentialHost);
      const authorization = `Bearer ${known.token}`;
      return authorization === rejected ? undefined : authorization;
    }
    const scopes = formatScopes(withChallengeScopes(request.scopes, challenge.parameters.get("scope")));
    // Which credentials are used may depend on the repository that the request is about.
    const key = [request.home.origin, repositoryOf(request.scopes), ...scopes].join(" ");
    await tokens.refresh(key, (token) => token.authorization === rejected || token.expiresMs <= clock.monotonicMs());
    const token = await tokens.get(key, request.signal, async () => {
      const askedMs = clock.monotonicMs();
      const { value, lifetimeMs } = await fetchToken(transport, {
        challenge,
        home: request.home,
        host: request.endpoint.credentialHost,
        scopes,
        credentials: known,
        signal: lifetime,
      });
      const margin = Math.min(EXPIRY_MARGIN_MS, lifetimeMs / 10);
      return { authorization: `Bearer ${value}`, expiresMs: askedMs + lifetimeMs - margin };
    });
    return token.authorization;
  }

  function answer(
    request: AuthRequest,
    challenge: Challenge,
    rejected: string | undefined,
  ): Promise<string | undefined> {
    return challenge.scheme === "bearer" ? bearer(request, challenge, rejected) : basic(request);
  }

  return {
    async authorize(request) {
      const challenge = challengeOf.get(request.home.origin);
      return challenge === undefined ? undefined : answer(request, challenge, undefined);
    },
    async renew(request, challenges, rejected) {
      const challenge =
        challenges.find(({ scheme }) => scheme === "bearer") ?? challenges.find(({ scheme }) => scheme === "basic");
      if (challenge === undefined) return undefined;
      challengeOf.set(request.home.origin, challenge);
      const renewed = await answer(request, challenge, rejected);
      return renewed === rejected ? undefined : renewed;
    },
  };
}
