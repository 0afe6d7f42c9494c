/**
 * Certificates of hosts: those that `registries.json` names, else the folder `certs.d/HOST[:PORT]` of docker or podman, with
 * authorities in `*.crt` and what we show of ourselves in `*.cert` and `*.key`.
 */
import { basename, join } from "node:path";
import { createSecureContext } from "node:tls";
import type { HostTls } from "../http/dispatchers.js";
import { invalidFile, listConfigFiles, readConfigFile } from "./config-files.js";
import { DOCKER_API_HOST, DOCKER_REGISTRY } from "./docker-hub.js";
import type { RegistryEnvironment } from "./environment.js";
import { isInsecure, type RegistryHosts } from "./host-rules.js";
import type { CertificatePaths } from "./registries-file.js";

/** The certificates of `host[:port]`; `undefined` for the usual ones. */
export type HostCertificates = (host: string) => Promise<HostTls | undefined>;

/** Reads each host's certificates when they are first asked for, once. */
export function hostCertificates(
  environment: RegistryEnvironment,
  named: ReadonlyMap<string, CertificatePaths> = new Map(),
): HostCertificates {
  const { env, homeDir, systemDir = "/" } = environment;
  const config = env["XDG_CONFIG_HOME"] || join(homeDir, ".config");
  const folders = [
    join(config, "containers"),
    join(config, "docker"),
    join(systemDir, "etc", "containers"),
    join(systemDir, "etc", "docker"),
  ].map((folder) => join(folder, "certs.d"));
  const known = new Map<string, Promise<HostTls | undefined>>();
  return (host) => {
    const found = known.get(host) ?? readCertificates(host, named.get(host), folders);
    known.set(host, found);
    return found;
  };
}

/**
 * What TLS with a host needs. The authorities of a registry count for the token server that it names, too, unless that has
 * its own: docker does so, and both often have the same.
 */
export function tlsOf(
  hosts: RegistryHosts,
  certificates: HostCertificates = async () => undefined,
): (host: string, namedBy: string | undefined) => Promise<HostTls | undefined> {
  const known = new Map<string, HostTls | undefined>();
  return async (host, namedBy) => {
    const key = `${host} ${namedBy}`;
    if (known.has(key)) return known.get(key);
    const own = await certificates(host);
    const lent = own === undefined && namedBy !== undefined ? await certificates(namedBy) : undefined;
    const authorities = own?.authorities ?? lent?.authorities ?? [];
    const verify = !isInsecure(hosts, host);
    const usual = verify && authorities.length === 0 && own?.client === undefined;
    const settings = usual
      ? undefined
      : { verify, authorities, ...(own?.client === undefined ? {} : { client: own.client }) };
    // Asked for twice at once, the first answer counts: equal settings are one object.
    if (!known.has(key)) known.set(key, settings);
    return known.get(key);
  };
}

async function readCertificates(
  host: string,
  paths: CertificatePaths | undefined,
  folders: readonly string[],
): Promise<HostTls | undefined> {
  if (paths !== undefined) return loadCertificates(paths.ca === undefined ? [] : [paths.ca], paths.cert, paths.key);
  for (const folder of folders) {
    for (const name of namesOf(host)) {
      // A folder that only root may enter holds nothing for others: podman passes over it, too.
      const files = await listConfigFiles(join(folder, name), [".crt", ".cert", ".key"], { passOverForbidden: true });
      if (files.length > 0) return loadFolder(files);
    }
  }
  return undefined;
}

/** The folder may have the port that goes without saying; Docker Hub's has its name. */
function namesOf(host: string): readonly string[] {
  const withPort = /:\d+$/.test(host) ? [] : [`${host}:443`];
  return [host, ...withPort, ...(host === DOCKER_API_HOST ? [DOCKER_REGISTRY] : [])];
}

async function loadFolder(files: readonly string[]): Promise<HostTls | undefined> {
  const certificates = files.filter((path) => path.endsWith(".cert"));
  const keys = files.filter((path) => path.endsWith(".key"));
  const keyOf = (path: string): string => path.replace(/\.cert$/, ".key");
  for (const path of certificates) {
    if (!keys.includes(keyOf(path))) throw invalidFile(path, `its key "${basename(keyOf(path))}" is missing`);
  }
  for (const path of keys) {
    const certificate = path.replace(/\.key$/, ".cert");
    if (!certificates.includes(certificate)) {
      throw invalidFile(path, `its certificate "${basename(certificate)}" is missing; authorities end with ".crt"`);
    }
  }
  const [certificate] = certificates;
  const authorities = files.filter((path) => path.endsWith(".crt"));
  return loadCertificates(authorities, certificate, certificate === undefined ? undefined : keyOf(certificate));
}

/** @throws OPTIONS_INVALID when a file is missing or is no certificate; a key stands in no error */
async function loadCertificates(
  authorities: readonly string[],
  certificate: string | undefined,
  key: string | undefined,
): Promise<HostTls | undefined> {
  const ca = await Promise.all(authorities.map(readPem));
  for (const [index, text] of ca.entries()) assertUsable(authorities[index]!, { ca: text });
  if (certificate === undefined || key === undefined) return ca.length === 0 ? undefined : { authorities: ca };
  const client = { certificate: await readPem(certificate), key: await readPem(key) };
  assertUsable(certificate, { cert: client.certificate, key: client.key });
  return { authorities: ca, client };
}

async function readPem(path: string): Promise<string> {
  const text = await readConfigFile(path);
  if (text === undefined) throw invalidFile(path, "it is not there");
  if (!/-----BEGIN [A-Z0-9 ]+-----/.test(text)) throw invalidFile(path, "it is not PEM");
  return text;
}

function assertUsable(path: string, content: Parameters<typeof createSecureContext>[0]): void {
  try {
    createSecureContext(content);
  } catch (cause) {
    const why = (cause as { readonly reason?: unknown }).reason;
    throw invalidFile(path, `its content is not what was expected${typeof why === "string" ? ` (${why})` : ""}`, cause);
  }
}
