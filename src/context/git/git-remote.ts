/** Where a repository is, without its secrets; and where the links of submodules lead. */
import { OcibuildError } from "../../errors.js";

export type GitScheme = "https" | "http" | "ssh" | "git";

export interface GitRemote {
  /** What git is given and what people see: no password, and over HTTP no user. */
  readonly url: string;
  readonly scheme: GitScheme;
  /** `host[:port]`, lower case. */
  readonly host: string;
  /** Credentials that stood in an HTTP URL. */
  readonly basic: { readonly username: string; readonly password: string } | undefined;
}

const SCHEMES: ReadonlySet<string> = new Set(["https", "http", "ssh", "git"]);
const SCP_FORM = /^([a-zA-Z0-9_-]+)@([a-zA-Z0-9.-]+):([^\n]+)$/;
const CONTROL = /[\u0000-\u001f\u007f]/;

/**
 * The repository at `text`: a URL of an allowed scheme, or `user@host:path`.
 * @throws CONTEXT_INVALID for everything else, local paths and git's other transports among it (threat C12)
 */
export function parseRemote(text: string): GitRemote {
  const scp = SCP_FORM.exec(text);
  if (scp !== null && !CONTROL.test(text)) {
    const [, user = "", host = ""] = scp;
    if (user.startsWith("-") || host.startsWith("-")) throw notAllowed(text);
    return { url: text, scheme: "ssh", host: host.toLowerCase(), basic: undefined };
  }
  if (CONTROL.test(text) || !URL.canParse(text)) throw notAllowed(text);
  const url = new URL(text);
  const scheme = url.protocol.slice(0, -1);
  if (!SCHEMES.has(scheme) || url.hostname === "" || url.hostname.startsWith("-") || url.username.startsWith("-")) {
    throw notAllowed(text);
  }
  const isHttp = scheme === "https" || scheme === "http";
  const { username, password } = url;
  url.password = "";
  if (isHttp) url.username = "";
  url.hash = "";
  return {
    url: url.href,
    scheme: scheme as GitScheme,
    host: url.host.toLowerCase(),
    basic:
      isHttp && (username !== "" || password !== "")
        ? { username: decoded(username), password: decoded(password) }
        : undefined,
  };
}

/**
 * The repository that a `.gitmodules` of the repository at `parent` names: relative texts count from there, as git has
 * it.
 * @throws CONTEXT_INVALID
 */
export function submoduleRemote(parent: GitRemote, text: string): GitRemote {
  if (!text.startsWith("./") && !text.startsWith("../")) return parseRemote(text);
  let base = parent.url.replace(/\/+$/, "");
  let rest = text;
  for (;;) {
    if (rest.startsWith("./")) rest = rest.slice(2);
    else if (rest.startsWith("../")) {
      rest = rest.slice(3);
      base = withoutLastComponent(base, text);
    } else break;
  }
  return parseRemote(`${base}${base.endsWith(":") ? "" : "/"}${rest.replace(/\/+$/, "")}`);
}

/** `https://h/a/b` → `https://h/a`, `git@h:a` → `git@h:`; the host is the end. */
function withoutLastComponent(base: string, text: string): string {
  const slash = base.lastIndexOf("/");
  const start = base.indexOf("://");
  if (slash > start + 2 && slash !== -1) return base.slice(0, slash);
  const colon = base.lastIndexOf(":");
  if (start === -1 && colon !== -1 && colon < base.length - 1) return base.slice(0, colon + 1);
  throw notAllowed(text);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function notAllowed(text: string): OcibuildError<"CONTEXT_INVALID"> {
  const shown = JSON.stringify(withoutUser(text).slice(0, 300));
  return new OcibuildError("CONTEXT_INVALID", `${shown} is not the URL of a git repository that may be read`, {
    details: { path: shown },
    hint: "Expected https://, http://, ssh://, git:// or user@host:path.",
  });
}

/** What stands before an `@` may be a secret. */
function withoutUser(text: string): string {
  return text.replace(/:\/\/[^/@]*@/g, "://");
}
