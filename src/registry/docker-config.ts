/** Credentials from Docker's `config.json`: `credHelpers`, then `credsStore`, then `auths`, as the docker command reads it. */
import { readFile, stat } from "node:fs/promises";
import { OcibuildError } from "../errors.js";
import { askCredentialHelper } from "./credential-helper.js";
import type { CredentialStore, Credentials } from "./credentials.js";
import type { DockerAuthEntry, DockerConfig } from "./schemas.js";

export interface DockerCredentialsOptions {
  /** Path of `config.json`; a file that is not there means no credentials. */
  readonly configFile: string;
  /** Environment of credential helpers; ours when absent. */
  readonly env?: NodeJS.ProcessEnv;
  readonly helperTimeoutMs?: number;
}

/** Under this key Docker Hub's credentials are stored, for historical reasons. */
const DOCKER_HUB_KEY = "https://index.docker.io/v1/";
const MAX_CONFIG_BYTES = 4 * 1024 * 1024;

/** Reads the file when credentials are first asked for, once. */
export function dockerCredentials(options: DockerCredentialsOptions): CredentialStore {
  let config: Promise<DockerConfig> | undefined;
  return {
    async get(registry, { signal } = {}) {
      config ??= readDockerConfig(options.configFile);
      const { auths, credHelpers, credsStore } = await config;
      const server = isDockerHub(registry) ? DOCKER_HUB_KEY : registry;
      const helper = entryFor(credHelpers, registry) ?? (credsStore === "" ? undefined : credsStore);
      if (helper !== undefined && helper !== "") {
        return askCredentialHelper(helper, server, {
          ...(signal === undefined ? {} : { signal }),
          ...(options.env === undefined ? {} : { env: options.env }),
          ...(options.helperTimeoutMs === undefined ? {} : { timeoutMs: options.helperTimeoutMs }),
        });
      }
      const entry = entryFor(auths, registry);
      return entry === undefined ? undefined : credentialsOf(entry, registry, options.configFile);
    },
  };
}

/**
 * @throws REGISTRY_CREDENTIALS when the file is there and cannot be used
 */
async function readDockerConfig(path: string): Promise<DockerConfig> {
  let text: string;
  try {
    const { size } = await stat(path);
    if (size > MAX_CONFIG_BYTES) throw unusable(path, `it is larger than ${MAX_CONFIG_BYTES} bytes`);
    text = await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof OcibuildError) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return {};
    throw unusable(path, "it cannot be read", error);
  }
  if (text.trim() === "") return {};
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    // The parser's message quotes the text, which holds secrets.
    throw unusable(path, "it is not JSON");
  }
  const { DockerConfigSchema } = await import("./schemas.js");
  const config = DockerConfigSchema.safeParse(data);
  if (config.success) return config.data;
  const issue = config.error.issues[0];
  throw unusable(path, `"${issue?.path.join(".") ?? ""}" is not what was expected`);
}

/** The entry under any of the names that stand for `registry`, the exact one first. */
function entryFor<T>(entries: Readonly<Record<string, T>> | undefined, registry: string): T | undefined {
  if (entries === undefined) return undefined;
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

function isDockerHub(registry: string): boolean {
  return registry === "docker.io" || registry === "index.docker.io" || registry === "registry-1.docker.io";
}

function unusable(path: string, why: string, cause?: unknown): OcibuildError {
  return new OcibuildError("REGISTRY_CREDENTIALS", `Docker's configuration "${path}" cannot be used: ${why}`, {
    details: { host: "" },
    hint: "Repair the file, or point DOCKER_CONFIG to another folder.",
    ...(cause === undefined ? {} : { cause }),
  });
}
