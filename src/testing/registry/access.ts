/** Who may do what in an in-process registry: nobody asked, basic authentication, or bearer tokens. */
import { randomUUID } from "node:crypto";
import { errorReply, type Reply } from "./reply.js";

export type AccessMode =
  | { readonly kind: "open" }
  | { readonly kind: "basic"; readonly users: Readonly<Record<string, string>> }
  | {
      readonly kind: "bearer";
      /** Name → password. */
      readonly users: Readonly<Record<string, string>>;
      /** Refresh token → name. */
      readonly identityTokens?: Readonly<Record<string, string>>;
      /** Whether users who ask for one get an identity token. Default: no. */
      readonly givesIdentityTokens?: boolean;
      /** What `user` (`undefined`: anonymous) gets of the scopes it asked for. Default: users all, others nothing. */
      readonly grant?: (user: string | undefined, scope: string) => string | undefined;
      /** A token is good for so many requests. Default: for all. */
      readonly tokenUses?: number;
      /** `expires_in` of token replies, in seconds; left out when absent. */
      readonly expiresIn?: number;
      /** Under which name the token is sent. Default: `token`. */
      readonly tokenField?: "token" | "access_token";
      /** Replaces the address of the token server in challenges. */
      readonly realm?: string;
    };

/** What a request needs: `repository:NAME:ACTIONS` texts; none for the API's root. */
export type NeededScopes = readonly string[];

interface IssuedToken {
  readonly scopes: readonly string[];
  usesLeft: number;
}

export class Access {
  readonly #mode: AccessMode;
  readonly #tokens = new Map<string, IssuedToken>();
  /** Given at logins: refresh token → name. */
  readonly #identityTokens = new Map<string, string>();
  #realm = "";

  constructor(mode: AccessMode) {
    this.#mode = mode;
  }

  get needsTokenServer(): boolean {
    return this.#mode.kind === "bearer";
  }

  set realm(url: string) {
    this.#realm = url;
  }

  /** The refusal of a request that needs `needed`, whatever it has with it. */
  demand(needed: NeededScopes): Reply {
    return this.#mode.kind === "bearer" ? refuse(this.#challenge(needed)) : refuse(BASIC);
  }

  /** The refusal, or `undefined` when the request may go on. */
  check(authorization: string | undefined, needed: NeededScopes): Reply | undefined {
    const mode = this.#mode;
    if (mode.kind === "open") return undefined;
    if (mode.kind === "basic") {
      if (userOf(authorization, mode.users) !== undefined) return undefined;
      return refuse(BASIC);
    }
    const token = /^Bearer (.+)$/.exec(authorization ?? "")?.[1];
    const issued = token === undefined ? undefined : this.#tokens.get(token);
    const challenge = this.#challenge(needed);
    if (issued === undefined || issued.usesLeft <= 0)
      return refuse(`${challenge}${token === undefined ? "" : ',error="invalid_token"'}`);
    issued.usesLeft--;
    if (!needed.every((scope) => covers(issued.scopes, scope)))
      return refuse(`${challenge},error="insufficient_scope"`);
    return undefined;
  }

  #challenge(needed: NeededScopes): string {
    const realm = (this.#mode.kind === "bearer" ? this.#mode.realm : undefined) ?? this.#realm;
    const scope = needed.length === 0 ? "" : `,scope="${needed.join(" ")}"`;
    return `Bearer realm="${realm}",service="test-registry"${scope}`;
  }

  /** The token server's reply to a GET with a query or a POST with a form. */
  issue(method: string, parameters: URLSearchParams, authorization: string | undefined): Reply {
    const mode = this.#mode;
    if (mode.kind !== "bearer") return errorReply(404, "NOT_FOUND", "no token server");
    let user: string | undefined;
    if (method === "POST") {
      const refreshToken = parameters.get("refresh_token") ?? "";
      user = this.#identityTokens.get(refreshToken) ?? mode.identityTokens?.[refreshToken];
      if (user === undefined)
        return {
          status: 401,
          body: Buffer.from(JSON.stringify({ details: "unknown refresh token" })),
          headers: JSON_TYPE,
        };
    } else if (authorization !== undefined) {
      user = userOf(authorization, mode.users);
      if (user === undefined)
        return {
          status: 401,
          body: Buffer.from(JSON.stringify({ details: "incorrect username or password" })),
          headers: JSON_TYPE,
        };
    }
    const grant = mode.grant ?? ((name, scope) => (name === undefined ? undefined : scope));
    const asked = parameters
      .getAll("scope")
      .flatMap((text) => text.split(" "))
      .filter((text) => text !== "");
    const scopes = asked.flatMap((scope) => grant(user, scope) ?? []);
    const token = `token-${randomUUID()}`;
    this.#tokens.set(token, { scopes, usesLeft: mode.tokenUses ?? Number.POSITIVE_INFINITY });
    const expiry = mode.expiresIn === undefined ? {} : { expires_in: mode.expiresIn };
    // What OAuth2 calls it, whatever it is called elsewhere.
    const oauth = method === "POST" ? { access_token: token } : {};
    const offline: { refresh_token?: string } = {};
    if (mode.givesIdentityTokens === true && user !== undefined && parameters.get("offline_token") === "true") {
      offline.refresh_token = `identity-${randomUUID()}`;
      this.#identityTokens.set(offline.refresh_token, user);
    }
    return {
      status: 200,
      headers: JSON_TYPE,
      body: Buffer.from(JSON.stringify({ [mode.tokenField ?? "token"]: token, ...oauth, ...expiry, ...offline })),
    };
  }
}

const BASIC = 'Basic realm="test registry"';
const JSON_TYPE = { "content-type": "application/json" };

function refuse(challenge: string): Reply {
  return errorReply(401, "UNAUTHORIZED", "authentication required", { "www-authenticate": challenge });
}

function userOf(authorization: string | undefined, users: Readonly<Record<string, string>>): string | undefined {
  const encoded = /^Basic (.+)$/.exec(authorization ?? "")?.[1];
  if (encoded === undefined) return undefined;
  const decoded = Buffer.from(encoded, "base64").toString("utf8");
  const name = decoded.slice(0, decoded.indexOf(":"));
  return Object.hasOwn(users, name) && users[name] === decoded.slice(name.length + 1) ? name : undefined;
}

function covers(granted: readonly string[], needed: string): boolean {
  const [kind, name, actions = ""] = splitScope(needed);
  return actions.split(",").every((action) =>
    granted.some((scope) => {
      const [grantedKind, grantedName, grantedActions = ""] = splitScope(scope);
      return kind === grantedKind && name === grantedName && grantedActions.split(",").includes(action);
    }),
  );
}

/** `type:name:actions`; the name may hold colons (a port). */
function splitScope(scope: string): [string, string, string] {
  const first = scope.indexOf(":");
  const last = scope.lastIndexOf(":");
  return [scope.slice(0, first), scope.slice(first + 1, last), scope.slice(last + 1)];
}
