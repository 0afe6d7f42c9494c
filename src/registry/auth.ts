/**
 * Authorization of requests: challenges are remembered per origin, tokens per origin and scope, credentials belong to
 * an endpoint and never leave its origin (or the realm it names).
 */
import type { Challenge } from "./challenge.js";
import type { Clock } from "./clock.js";
import type { CredentialStore, Credentials } from "./credentials.js";
import type { Endpoint } from "./hosts.js";
import { formatScopes, type Scope } from "./scope.js";
import { basicAuthorization, fetchToken } from "./token.js";
import { assertPrivateChannel, type Transport } from "./transport.js";

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

export function createAuthorizer(transport: Transport, credentials: CredentialStore, clock: Clock): Authorizer {
  const challengeOf = new Map<string, Challenge>();
  const credentialsOf = new Map<string, Promise<Credentials | undefined>>();
  const tokens = new Map<string, Promise<CachedToken>>();

  function lookUp({ endpoint, signal }: AuthRequest): Promise<Credentials | undefined> {
    return remember(credentialsOf, endpoint.credentialHost, () =>
      credentials.get(endpoint.credentialHost, signal === undefined ? {} : { signal }),
    );
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
    const scopes = formatScopes(request.scopes);
    const key = [request.home.origin, ...scopes].join(" ");
    const pending = tokens.get(key);
    const cached = await pending?.catch(() => undefined);
    const stale = cached?.authorization === rejected || (cached?.expiresMs ?? 0) <= clock.monotonicMs();
    if (stale && tokens.get(key) === pending) tokens.delete(key);
    const token = await remember(tokens, key, async () => {
      const askedMs = clock.monotonicMs();
      const { value, lifetimeMs } = await fetchToken(transport, {
        challenge,
        home: request.home,
        host: request.endpoint.credentialHost,
        scopes,
        credentials: known,
        ...(request.signal === undefined ? {} : { signal: request.signal }),
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

/** The promise under `key`, made once; a failed one is forgotten so that the next caller tries again. */
function remember<T>(known: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const before = known.get(key);
  if (before !== undefined) return before;
  const promise = make();
  known.set(key, promise);
  promise.catch(() => {
    if (known.get(key) === promise) known.delete(key);
  });
  return promise;
}
