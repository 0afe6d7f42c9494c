/** The public exports of `ocibuild/registry`: the registry client. */
export { type ProxyChoice, type ProxyServer, proxiesOf } from "../http/proxy.js";
export { type RetryPolicy, withRetry } from "../http/retry.js";
export { formatReference, parseReference, type Reference } from "../oci/reference.js";
export { type HostCertificates, hostCertificates } from "./certificates.js";
export type { RegistryClient, RegistryClientOptions } from "./client.js";
export { createRegistryClient } from "./client.js";
export { type CopyOptions, copyImage } from "./copy.js";
export { type CredentialFile, credentialFile } from "./credential-file.js";
export {
  ANONYMOUS,
  type CredentialQuery,
  type CredentialStore,
  type Credentials,
  firstCredentials,
  staticCredentials,
} from "./credentials.js";
export { deleteBlob, deleteManifest, deleteTag } from "./delete.js";
export { type DockerCredentialsOptions, dockerCredentials } from "./docker-config.js";
export {
  ciCredentials,
  credentialFiles,
  environmentCredentials,
  loginFile,
  type RegistryEnvironment,
  type Variables,
} from "./environment.js";
export { type Mirror, type RegistryHosts, type RegistryRule, registryHosts } from "./hosts.js";
export { type ListOptions, listRepositories, listTags } from "./lists.js";
export {
  type CredentialsTarget,
  login,
  logout,
  registryName,
  type SavedCredentials,
  saveCredentials,
} from "./login.js";
export { pullBlob, type RegistrySource, registrySource } from "./pull.js";
export { registryPusher } from "./push.js";
export { listReferrers, type ReferrersOptions } from "./referrers.js";
export { type DocumentCache, registryResolver } from "./resolver.js";
export type { FetchedManifest } from "./served-manifest.js";
export { openRegistryClient, type RegistrySettings, registrySettings, type SettingsOptions } from "./settings.js";
