/** How registries are reached from here: everything that files and the environment say, put together for a client. */
import { proxiesOf } from "../http/proxy.js";
import { hostCertificates } from "./certificates.js";
import type { RegistryClient, RegistryClientOptions } from "./client.js";
import { environmentCredentials, type RegistryEnvironment } from "./environment.js";
import { registryHosts } from "./hosts.js";
import { readRegistriesConf } from "./registries-conf.js";
import { readRegistriesFile } from "./registries-file.js";

export interface RegistrySettings
  extends Required<Pick<RegistryClientOptions, "hosts" | "credentials" | "certificates" | "proxy">> {}

export interface SettingsOptions {
  /** `HOST=URL` texts, asked before the mirrors of files. */
  readonly mirrors?: readonly string[];
  /** `host[:port]` texts, beside those of files. */
  readonly insecure?: readonly string[];
}

/**
 * Reads `registries.json`, `registries.conf` and the proxy variables. Credentials and certificates are read when they are
 * needed.
 * @throws OPTIONS_INVALID
 */
export async function registrySettings(
  environment: RegistryEnvironment,
  options: SettingsOptions = {},
): Promise<RegistrySettings> {
  const [own, conf] = await Promise.all([readRegistriesFile(environment), readRegistriesConf(environment)]);
  return {
    hosts: { ...registryHosts(options), rules: [own.rules, conf].filter((rules) => rules.length > 0) },
    credentials: environmentCredentials(environment),
    certificates: hostCertificates(environment, own.certificates),
    proxy: proxiesOf(environment.env),
  };
}

/**
 * A client that reaches registries as the programs around it do. What `options` say comes before what files say.
 * @throws OPTIONS_INVALID
 * @example
 * const client = await openRegistryClient({ env: process.env, homeDir: homedir() });
 */
export async function openRegistryClient(
  environment: RegistryEnvironment,
  options: SettingsOptions & RegistryClientOptions = {},
): Promise<RegistryClient> {
  const { mirrors, insecure, ...rest } = options;
  const settings = await registrySettings(environment, {
    ...(mirrors === undefined ? {} : { mirrors }),
    ...(insecure === undefined ? {} : { insecure }),
  });
  const { createRegistryClient } = await import("./client.js");
  return createRegistryClient({ ...settings, ...rest });
}
