/** The public exports of `ocibuild/registry`: the registry client. */
export type { Clock } from "../http/clock.js";
export type { HostTls } from "../http/dispatchers.js";
export type { SlowestPace } from "../http/pace.js";
export { type ProxyChoice, type ProxyServer, proxiesOf } from "../http/proxy.js";
export { DEFAULT_RETRY, type RetryPolicy, withRetry } from "../http/retry.js";
export { DEFAULT_TIMEOUTS, type Timeouts } from "../http/timeouts.js";
export type { Abortable, BlobReader, BlobWriter } from "../oci/blobs.js";
export { type Digest, digestOf, isDigest, parseDigest } from "../oci/digest.js";
export type { ImagePusher, PushBlobOptions, PushBlobOutcome } from "../oci/pusher.js";
export { formatReference, parseReference, type Reference } from "../oci/reference.js";
export type { ImageResolver } from "../oci/resolver.js";
export type { Descriptor } from "../oci/types.js";
export { type HostCertificates, hostCertificates } from "./certificates.js";
export { createRegistryClient, type RegistryClient, type RegistryClientOptions } from "./client.js";
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
