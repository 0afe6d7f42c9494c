/** `login` and `logout`: credentials that a registry takes, kept where docker and podman look for them. */
import { OcibuildError } from "../errors.js";
import type { RegistryClient } from "./client.js";
import { type CredentialFile, changeCredentialFile, readCredentialFile } from "./credential-file.js";
import { eraseFromCredentialHelper, type HelperOptions, storeInCredentialHelper } from "./credential-helper.js";
import type { Credentials } from "./credentials.js";
import { DOCKER_HUB_KEY, DOCKER_REGISTRY, isDockerHub } from "./docker-hub.js";
import { homeEndpoint, registryHosts } from "./hosts.js";
import type { DockerConfig } from "./schemas.js";

export interface SavedCredentials {
  /** The name of the registry as it is stored. */
  readonly key: string;
  /** `docker-credential-NAME` that keeps them; absent when they stand in the file, where they are not encrypted. */
  readonly helper?: string;
  readonly path: string;
  /** Whether an identity token is kept instead of the password. */
  readonly identityToken: boolean;
}

export interface CredentialsTarget extends HelperOptions {
  readonly file: CredentialFile;
}

/**
 * Asks `registry` whether it takes the credentials and saves them when it does. `registry` is `host[:port]`, also with a
 * scheme or path as people paste it; empty for Docker Hub.
 * @throws REGISTRY_UNAUTHORIZED when it does not, REGISTRY_CREDENTIALS when they cannot be saved, REGISTRY_…
 */
export async function login(
  client: RegistryClient,
  registry: string,
  credentials: Credentials,
  target: CredentialsTarget,
): Promise<SavedCredentials> {
  const host = registryName(registry);
  const endpoint = homeEndpoint(client.hosts, host);
  const kept = await client.authenticate(endpoint, credentials, target.signal);
  target.signal?.throwIfAborted();
  // Docker keeps the user's name beside an identity token.
  const username = credentials.kind === "basic" ? credentials.username : "";
  return saveCredentials(host, kept, target, username);
}

/**
 * Writes credentials as docker does, without asking the registry: to the helper that the file names for it, else to the
 * file. Everything else in the file stays as it is.
 * @throws REGISTRY_CREDENTIALS
 */
export async function saveCredentials(
  registry: string,
  credentials: Credentials,
  target: CredentialsTarget,
  username = "",
): Promise<SavedCredentials> {
  const host = registryName(registry);
  const key = keyOf(host, target.file);
  const { path } = target.file;
  const helper = helperFor(await readCredentialFile(path), host);
  const identityToken = credentials.kind === "identity-token";
  if (helper === undefined) {
    await changeCredentialFile(path, [[["auths", key], entryOf(credentials, username)]]);
    return { key, path, identityToken };
  }
  await storeInCredentialHelper(helper, key, credentials, target);
  // Docker notes that there are credentials; where older secrets stood there is none any more.
  await changeCredentialFile(path, [[["auths", key], target.file.style === "docker" ? {} : undefined]]);
  return { key, helper, path, identityToken };
}

/**
 * Forgets the credentials of `registry`, in the helper that the file names for it and in the file. Returns whether there
 * were any.
 * @throws REGISTRY_CREDENTIALS
 */
export async function logout(registry: string, target: CredentialsTarget): Promise<boolean> {
  const host = registryName(registry);
  const { path } = target.file;
  const config = await readCredentialFile(path);
  const names = [keyOf(host, target.file), ...(isDockerHub(host) ? [DOCKER_HUB_KEY, DOCKER_REGISTRY] : [host])];
  const keys = [...new Set([...names, `https://${host}`, `http://${host}`])];
  const stored = keys.filter((key) => Object.hasOwn(config.auths ?? {}, key));
  const helper = helperFor(config, host);
  let erased = false;
  if (helper !== undefined) {
    for (const key of new Set([names[0]!, ...stored])) {
      if (await eraseFromCredentialHelper(helper, key, target)) erased = true;
    }
  }
  if (stored.length > 0) {
    await changeCredentialFile(
      path,
      stored.map((key) => [["auths", key], undefined]),
    );
  }
  return stored.length > 0 || erased;
}

/**
 * The registry of `https://host:5000/v2/`, `host:5000` and the like; `docker.io` for Docker Hub's names and nothing.
 * @throws OPTIONS_INVALID
 */
export function registryName(text: string): string {
  const host = text
    .trim()
    .replace(/^https?:\/\//i, "")
    .replace(/\/.*$/, "");
  if (host === "" && text.trim() === "") return DOCKER_REGISTRY;
  if (isDockerHub(host)) return DOCKER_REGISTRY;
  try {
    homeEndpoint(registryHosts(), host);
  } catch (cause) {
    throw new OcibuildError("OPTIONS_INVALID", `${JSON.stringify(text.slice(0, 300))} is not the host of a registry`, {
      details: { option: "registry" },
      hint: 'Expected "host[:port]", for example "registry.example:5000".',
      cause,
    });
  }
  return host;
}

function keyOf(host: string, { style }: CredentialFile): string {
  return isDockerHub(host) && style === "docker" ? DOCKER_HUB_KEY : host;
}

/** Podman's file has `credHelpers` only. */
function helperFor({ credHelpers, credsStore }: DockerConfig, host: string): string | undefined {
  const names = isDockerHub(host) ? [DOCKER_HUB_KEY, DOCKER_REGISTRY, "index.docker.io"] : [host];
  const name = names.find((key) => Object.hasOwn(credHelpers ?? {}, key));
  const helper = name === undefined ? credsStore : credHelpers?.[name];
  return helper === "" ? undefined : helper;
}

function entryOf(credentials: Credentials, username: string): Readonly<Record<string, string>> {
  switch (credentials.kind) {
    case "basic":
      return { auth: base64(`${credentials.username}:${credentials.password}`) };
    case "identity-token":
      return { ...(username === "" ? {} : { auth: base64(`${username}:`) }), identitytoken: credentials.token };
    case "registry-token":
      return { registrytoken: credentials.token };
    default:
      return credentials satisfies never;
  }
}

function base64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}
