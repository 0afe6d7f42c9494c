/** What the token of a job says about caches: of which branches it may read them, and of which it may write them. */

export interface CacheScopes {
  /** The one that may be written first. */
  readonly readable: readonly string[];
  readonly writable: string | undefined;
}

/** A token names the job's branch, its target and the default branch. */
const MAX_SCOPES = 8;
const WRITE = 2;

/**
 * The scopes in the claim `ac` of a JSON Web Token. Nothing is verified: the service does that. A token that has no such
 * claim is that of a service without branches, and stands for one scope without a name.
 */
export function cacheScopes(token: string): CacheScopes {
  const scopes = accessControls(token);
  if (scopes === undefined) return { readable: [""], writable: "" };
  const writable = scopes.find(({ permission }) => (permission & WRITE) !== 0)?.name;
  const names = [...(writable === undefined ? [] : [writable]), ...scopes.map(({ name }) => name)];
  return { readable: [...new Set(names)].slice(0, MAX_SCOPES), writable };
}

interface Scope {
  readonly name: string;
  /** Bits: 1 to read, 2 to write. */
  readonly permission: number;
}

function accessControls(token: string): readonly Scope[] | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
    const { ac } = claims as { readonly ac?: unknown };
    if (typeof ac !== "string") return undefined;
    const list: unknown = JSON.parse(ac);
    if (!Array.isArray(list)) return undefined;
    return list.flatMap((item: unknown): Scope[] => {
      const { Scope: name, Permission: permission } = (item ?? {}) as Record<string, unknown>;
      return typeof name === "string" && typeof permission === "number" ? [{ name, permission }] : [];
    });
  } catch {
    return undefined;
  }
}
