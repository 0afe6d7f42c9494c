/** Who we are at a registry. Values of these types never go into errors, events or logs. */

export type Credentials =
  | { readonly kind: "basic"; readonly username: string; readonly password: string }
  /** An OAuth2 refresh token that the token server exchanges. */
  | { readonly kind: "identity-token"; readonly token: string }
  /** Sent as a bearer token as it is. */
  | { readonly kind: "registry-token"; readonly token: string };

export interface CredentialQuery {
  /** What is asked for there, for stores that know credentials of parts of a registry. */
  readonly repository?: string;
  readonly signal?: AbortSignal;
}

export interface CredentialStore {
  /**
   * The credentials for `registry`, a `host[:port]` as in references (`docker.io`); `undefined` for anonymous.
   * @throws REGISTRY_CREDENTIALS when credentials are configured but cannot be had
   */
  get(registry: string, query?: CredentialQuery): Promise<Credentials | undefined>;
}

export const ANONYMOUS: CredentialStore = { get: async () => undefined };

/** Knows exactly the given registries. */
export function staticCredentials(entries: ReadonlyMap<string, Credentials>): CredentialStore {
  return { get: async (registry) => entries.get(registry) };
}

/** Asks the stores in their order; the first that knows credentials decides. One that fails is an error. */
export function firstCredentials(stores: readonly CredentialStore[]): CredentialStore {
  return {
    async get(registry, query) {
      for (const store of stores) {
        const known = await store.get(registry, query);
        if (known !== undefined) return known;
      }
      return undefined;
    },
  };
}
