/**
 * What the surroundings say about credentials: which files hold them, and what CI systems give their jobs. The
 * environment itself is handed in; nothing here looks around.
 */
import { join } from "node:path";
import { type CredentialFile, credentialFile } from "./credential-file.js";
import { type CredentialStore, type Credentials, firstCredentials } from "./credentials.js";
import { dockerCredentials, dockerCredentialsFromText } from "./docker-config.js";
import { originOf } from "./hosts.js";

export type Variables = Readonly<Record<string, string | undefined>>;

/** What of the process's surroundings matters to a registry client. */
export interface RegistryEnvironment {
  /** Environment variables, `process.env` for most. */
  readonly env: Variables;
  /** Of the user, `os.homedir()`. */
  readonly homeDir: string;
  /** Of the user, where there are such; podman has a folder for each. */
  readonly uid?: number;
  /** Docker's folder, instead of `$DOCKER_CONFIG` and `~/.docker`. */
  readonly dockerConfigDir?: string;
  /** Where `/etc` is looked for; `/` unless given. */
  readonly systemDir?: string;
}

/**
 * The files that hold credentials, in the order in which they are asked: `$REGISTRY_AUTH_FILE`, docker's `config.json`,
 * podman's `auth.json` of this session, podman's of the user.
 */
export function credentialFiles(environment: RegistryEnvironment): readonly CredentialFile[] {
  const { env, homeDir, uid } = environment;
  const explicit = set(env, "REGISTRY_AUTH_FILE");
  const runtime = set(env, "XDG_RUNTIME_DIR");
  const ofUser = uid === undefined ? undefined : `/run/containers/${uid}`;
  const session = runtime === undefined ? ofUser : join(runtime, "containers");
  const config = set(env, "XDG_CONFIG_HOME") ?? join(homeDir, ".config");
  return [
    ...(explicit === undefined ? [] : [{ path: explicit, style: "containers" as const }]),
    dockerFile(environment),
    ...(session === undefined ? [] : [credentialFile(join(session, "auth.json"))]),
    credentialFile(join(config, "containers", "auth.json")),
  ];
}

/** The file that a login writes: `$REGISTRY_AUTH_FILE`, else docker's `config.json`. */
export function loginFile(environment: RegistryEnvironment): CredentialFile {
  return credentialFiles(environment)[0]!;
}

/**
 * Credentials from everywhere: `$DOCKER_AUTH_CONFIG`, the files with their helpers, then what a CI system gives. The first
 * that knows the registry decides.
 */
export function environmentCredentials(environment: RegistryEnvironment): CredentialStore {
  const { env } = environment;
  const text = set(env, "DOCKER_AUTH_CONFIG");
  return firstCredentials([
    ...(text === undefined ? [] : [dockerCredentialsFromText("DOCKER_AUTH_CONFIG", text, { env })]),
    ...credentialFiles(environment).map(({ path }) => dockerCredentials({ configFile: path, env })),
    ciCredentials(env),
  ]);
}

/**
 * What GitHub and GitLab give a job for their own registries: `GITHUB_TOKEN` for ghcr.io, `CI_REGISTRY_PASSWORD` or
 * `CI_JOB_TOKEN` for `CI_REGISTRY`, and `CI_DEPENDENCY_PROXY_…` for `CI_DEPENDENCY_PROXY_SERVER`.
 */
export function ciCredentials(env: Variables): CredentialStore {
  const known = new Map<string, Credentials>();
  const add = (host: string | undefined, username: string | undefined, password: string | undefined): void => {
    if (host === undefined || username === undefined || password === undefined) return;
    if (originOf("https:", host) !== undefined) known.set(host.toLowerCase(), { kind: "basic", username, password });
  };
  const gitHub = set(env, "GITHUB_SERVER_URL") ?? "https://github.com";
  if (env["GITHUB_ACTIONS"] === "true" && gitHub === "https://github.com") {
    add("ghcr.io", set(env, "GITHUB_ACTOR"), set(env, "GITHUB_TOKEN"));
  }
  if (env["GITLAB_CI"] === "true") {
    add(
      set(env, "CI_DEPENDENCY_PROXY_SERVER"),
      set(env, "CI_DEPENDENCY_PROXY_USER"),
      set(env, "CI_DEPENDENCY_PROXY_PASSWORD"),
    );
    add(set(env, "CI_REGISTRY"), "gitlab-ci-token", set(env, "CI_JOB_TOKEN"));
    add(set(env, "CI_REGISTRY"), set(env, "CI_REGISTRY_USER"), set(env, "CI_REGISTRY_PASSWORD"));
  }
  return { get: async (registry) => known.get(registry.toLowerCase()) };
}

function dockerFile({ env, homeDir, dockerConfigDir }: RegistryEnvironment): CredentialFile {
  const folder = dockerConfigDir ?? set(env, "DOCKER_CONFIG") ?? join(homeDir, ".docker");
  return { path: join(folder, "config.json"), style: "docker" };
}

/** A variable; an empty one counts as not set. */
function set(env: Variables, name: string): string | undefined {
  const value = Object.hasOwn(env, name) ? env[name] : undefined;
  return value === "" ? undefined : value;
}
