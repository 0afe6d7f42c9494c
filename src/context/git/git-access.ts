/** With which rights a repository is read: tokens and headers from secrets, ssh for what the user named himself. */
import { OcibuildError } from "../../errors.js";
import type { GitRemote } from "./git-remote.js";

/** The bytes of a secret of the build; `undefined` when there is none of this id. */
export type ReadSecret = (id: string) => Promise<Uint8Array | undefined>;

export interface GitAccess {
  readonly protocols: string;
  readonly secretConfig: readonly (readonly [name: string, value: string])[];
  readonly sshCommand: string | undefined;
  /** Socket of the ssh agent that may be asked. */
  readonly sshAgent?: string | undefined;
  /** Texts that must not be shown, whatever git says. */
  readonly hidden: readonly string[];
}

export interface GitAccessOptions {
  readonly secret: ReadSecret;
  /** Whether ssh may use the user's key files, as for what he named himself. */
  readonly withUserKeys: boolean;
  /** Socket of the ssh agent that may be asked, if any. */
  readonly sshAgent: string | undefined;
  /** For what another repository named or its server led to: that one, whose rights it shares where that is safe. */
  readonly main?: GitRemote | undefined;
}

/** What git gets to read `remote`. @throws CONTEXT_FETCH when credentials would go over plain HTTP */
export async function gitAccess(remote: GitRemote, options: GitAccessOptions): Promise<GitAccess> {
  if (remote.scheme === "ssh") {
    return {
      protocols: "ssh",
      secretConfig: [],
      sshCommand: sshCommand(options),
      sshAgent: options.sshAgent,
      hidden: [],
    };
  }
  const none: GitAccess = { protocols: remote.scheme, secretConfig: [], sshCommand: undefined, hidden: [] };
  if (remote.scheme === "git") return none;
  const found = await authorizationFor(remote, options);
  if (found === undefined) return none;
  assertPrivate(remote);
  const { header, hidden } = found;
  return { ...none, secretConfig: [[`http.${scopeOf(remote)}.extraHeader`, `Authorization: ${header}`]], hidden };
}

interface Authorization {
  readonly header: string;
  readonly hidden: readonly string[];
}

/** In BuildKit's order: secrets for the host, then those for any host, then what the URL itself holds. */
async function authorizationFor(
  remote: GitRemote,
  { secret, main }: GitAccessOptions,
): Promise<Authorization | undefined> {
  // A repository must not send the main one's token to a host of its choice.
  if (main === undefined || scopeOf(remote) === scopeOf(main)) {
    const { host } = main ?? remote;
    for (const suffix of [`.${host}`, ""]) {
      const header = await textOf(secret, `GIT_AUTH_HEADER${suffix}`);
      if (header !== undefined) return { header, hidden: [header, header.replace(/^\S+\s+/, "")] };
      const token = await textOf(secret, `GIT_AUTH_TOKEN${suffix}`);
      if (token !== undefined) return basic("x-access-token", token);
    }
  }
  return remote.basic && basic(remote.basic.username, remote.basic.password);
}

async function textOf(secret: ReadSecret, id: string): Promise<string | undefined> {
  const bytes = await secret(id);
  if (bytes === undefined) return undefined;
  const text = Buffer.from(bytes).toString("utf8").trim();
  if (!/[\u0000-\u001f\u007f]/.test(text)) return text;
  throw new OcibuildError("CONTEXT_FETCH", `secret "${id}" expected one line of text but got control characters`, {
    details: { url: id },
  });
}

function basic(username: string, password: string): Authorization {
  const encoded = Buffer.from(`${username}:${password}`).toString("base64");
  // A user without a password is a token in most places.
  return { header: `Basic ${encoded}`, hidden: [password, password === "" ? username : "", encoded] };
}

/** GitHub's repositories share a token, as in BuildKit and in GitHub's own checkout action. */
function scopeOf({ url }: GitRemote): string {
  return /^https:\/\/(?:www\.)?github\.com\//.exec(url)?.[0] ?? url;
}

function assertPrivate(remote: GitRemote): void {
  const { hostname } = new URL(remote.url);
  const isLoopback = hostname === "localhost" || hostname === "[::1]" || /^127\.[0-9.]+$/.test(hostname);
  if (remote.scheme !== "http" || isLoopback) return;
  throw new OcibuildError("CONTEXT_FETCH", `credentials for "${remote.url}" are not sent over plain HTTP`, {
    details: { url: remote.url },
    hint: "Use its https URL.",
  });
}

/** As git's shell reads it, on Windows too. */
const NO_FILE = "/dev/null";

/** Words for git's shell; none of them comes from outside. */
function sshCommand({ withUserKeys, sshAgent }: GitAccessOptions): string {
  const options = ["-F", NO_FILE, "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=15"];
  // A Dockerfile may be a stranger's: it gets what it was given with --ssh, and no more.
  const files = withUserKeys ? [] : ["-i", NO_FILE];
  const agent = sshAgent === undefined ? ["-o", "IdentityAgent=none"] : [];
  return ["ssh", ...options, ...files, ...agent].join(" ");
}
