/**
 * Credentials from docker's `config.json` and podman's `auth.json`: of a part of the registry, then `credHelpers`, then
 * `credsStore`, then `auths`, as the docker command and podman read them.
 */
import { parseCredentialFile, readCredentialFile, unusable } from "./credential-file.js";
import { askCredentialHelper } from "./credential-helper.js";
import type { CredentialStore, Credentials } from "./credentials.js";
import { DOCKER_HUB_KEY, isDockerHub } from "./docker-hub.js";
import type { DockerAuthEntry, DockerConfig } from "./schemas.js";

export interface DockerCredentialsOptions extends HelperSettings {
  /** Path of `config.json` or `auth.json`; a file that is not there means no credentials. */
  readonly configFile: string;
}

interface HelperSettings {
  /** Environment of credential helpers; ours when absent. */
  readonly env?: NodeJS.ProcessEnv;
  readonly helperTimeoutMs?: number;
}

type Helped = Promise<Credentials | undefined>;

/** Reads the file when credentials are first asked for, once; a helper is asked once for each server. */
export function dockerCredentials(options: DockerCredentialsOptions): CredentialStore {
  return credentialsIn(options.configFile, () => readCredentialFile(options.configFile), options);
}

/** The same for a text, which `name` is the name of in errors. */
export function dockerCredentialsFromText(name: string, text: string, options: HelperSettings = {}): CredentialStore {
  return credentialsIn(name, () => parseCredentialFile(name, text), options);
}

function credentialsIn(
  configFile: string,
  read: () => Promise<DockerConfig>,
  options: HelperSettings,
): CredentialStore {
  let config: Promise<DockerConfig> | undefined;
  const helped = new Map<string, Helped>();

  function askOnce(helper: string, server: string, signal: AbortSignal | undefined): Helped {
    const key = `${helper} ${server}`;
    const asked = helped.get(key) ?? ask(helper, server, signal);
    helped.set(key, asked);
    asked.catch(() => helped.delete(key));
    return asked;
  }

  function ask(helper: string, server: string, signal: AbortSignal | undefined): Helped {
    const { env, helperTimeoutMs } = options;
    return askCredentialHelper(helper, server, {
      ...(signal === undefined ? {} : { signal }),
      ...(env === undefined ? {} : { env }),
      ...(helperTimeoutMs === undefined ? {} : { timeoutMs: helperTimeoutMs }),
    });
  }

  return {
    async get(registry, { repository, signal } = {}) {
      config ??= read();
      const { auths, credHelpers, credsStore } = await config;
      const part = partialEntry(auths, registry, repository);
      const ofPart = part === undefined ? undefined : credentialsOf(part, registry, configFile);
      if (ofPart !== undefined) return ofPart;
      const helper = entryFor(credHelpers, registry) ?? credsStore ?? "";
      if (helper !== "") return askOnce(helper, isDockerHub(registry) ? DOCKER_HUB_KEY : registry, signal);
      const entry = entryFor(auths, registry);
      return entry === undefined ? undefined : credentialsOf(entry, registry, configFile);
    },
  };
}

/** The entry of the longest `registry/part/of/repository`. */
function partialEntry<T>(
  entries: Readonly<Record<string, T>> | null | undefined,
  registry: string,
  repository: string | undefined,
): T | undefined {
  if (entries === undefined || entries === null || repository === undefined) return undefined;
  for (let part = repository; part !== ""; part = part.slice(0, Math.max(0, part.lastIndexOf("/")))) {
    const key = `${isDockerHub(registry) ? "docker.io" : registry}/${part}`;
    if (Object.hasOwn(entries, key)) return entries[key];
  }
  return undefined;
}

/** The entry under any of the names that stand for `registry`, the exact one first. */
function entryFor<T>(entries: Readonly<Record<string, T>> | null | undefined, registry: string): T | undefined {
  if (entries === undefined || entries === null) return undefined;
  const wanted = isDockerHub(registry) ? [DOCKER_HUB_KEY, "docker.io", "index.docker.io"] : [registry];
  for (const key of wanted) if (Object.hasOwn(entries, key)) return entries[key];
  // Old files have URLs as keys.
  for (const [key, value] of Object.entries(entries)) {
    const host = /^https?:\/\//.test(key) ? key.replace(/^https?:\/\//, "").replace(/\/.*$/, "") : undefined;
    if (host !== undefined && wanted.includes(host)) return value;
  }
  return undefined;
}

function credentialsOf(entry: DockerAuthEntry, registry: string, path: string): Credentials | undefined {
  if (entry.identitytoken) return { kind: "identity-token", token: entry.identitytoken };
  if (entry.registrytoken) return { kind: "registry-token", token: entry.registrytoken };
  if (entry.auth) {
    const decoded = Buffer.from(entry.auth, "base64").toString("utf8");
    const colon = decoded.indexOf(":");
    if (colon === -1)
      throw unusable(path, `"auths" has an "auth" for "${registry}" that is not base64 of "user:password"`);
    return {
      kind: "basic",
      username: decoded.slice(0, colon),
      // Docker pads the password with NUL.
      password: decoded.slice(colon + 1).replace(/\0+$/, ""),
    };
  }
  if (entry.username === undefined || entry.password === undefined) return undefined;
  return { kind: "basic", username: entry.username, password: entry.password };
}
