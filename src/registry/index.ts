/** The public exports of `ocibuild/registry`: the registry client. */
export { type RetryPolicy, withRetry } from "../http/retry.js";
export type { RegistryClient, RegistryClientOptions } from "./client.js";
export { createRegistryClient } from "./client.js";
export { ANONYMOUS, type CredentialStore, type Credentials, staticCredentials } from "./credentials.js";
export { type DockerCredentialsOptions, dockerCredentials } from "./docker-config.js";
export { type Mirror, type RegistryHosts, registryHosts } from "./hosts.js";
export { pullBlob, type RegistrySource, registrySource } from "./pull.js";
export { registryPusher } from "./push.js";
export { type DocumentCache, registryResolver } from "./resolver.js";
export type { FetchedManifest } from "./served-manifest.js";
