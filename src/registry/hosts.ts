/**
 * Where a registry's name leads: its API host, its mirrors, and which schemes may be tried.
 *
 * TLS is always tried first. Plain HTTP is used without being asked for only on this machine (127/8, ::1, localhost),
 * elsewhere only for hosts that were named as insecure, and never because a certificate was not accepted.
 */
import { OcibuildError } from "../errors.js";
import { isLoopback } from "../http/address.js";
import type { Reference } from "../oci/reference.js";
import { DOCKER_API_HOST, DOCKER_REGISTRY, isDockerHub } from "./docker-hub.js";
import { isInsecure, type Mirror, type RegistryHosts, type RegistryRule, restBelow, ruleFor } from "./host-rules.js";

export type { Mirror, RegistryHosts, RegistryRule } from "./host-rules.js";

/** One server that can answer for a registry. */
export interface Endpoint {
  /** Under which name its credentials are stored. */
  readonly credentialHost: string;
  /** Origins to try in order; the first that speaks its scheme is used from then on. */
  readonly origins: readonly [URL, ...URL[]];
  readonly mirror: boolean;
}

/** A repository on a server. */
export interface RepositoryLocation {
  readonly endpoint: Endpoint;
  /** As that server calls it. */
  readonly repository: string;
}

type Repository = Pick<Reference, "registry" | "repository">;

/**
 * Reads `--registry-mirror HOST=URL` and `--insecure-registry HOST` texts. A URL may leave its scheme out, and its path
 * is put before repository names.
 * @throws OPTIONS_INVALID
 */
export function registryHosts(
  options: { readonly mirrors?: readonly string[]; readonly insecure?: readonly string[] } = {},
): RegistryHosts {
  const mirrors = new Map<string, Mirror[]>();
  for (const text of options.mirrors ?? []) {
    const equals = text.indexOf("=");
    const registry = text.slice(0, Math.max(0, equals)).toLowerCase();
    const mirror = equals === -1 ? undefined : parseMirror(text.slice(equals + 1));
    if (originOf("https:", registry) === undefined || mirror === undefined) throw invalidMirror(text);
    const key = isDockerHub(registry) ? DOCKER_REGISTRY : registry;
    mirrors.set(key, [...(mirrors.get(key) ?? []), mirror]);
  }
  const insecure = new Set<string>();
  for (const text of options.insecure ?? []) {
    const host = text.toLowerCase();
    if (originOf("http:", host) === undefined) {
      throw new OcibuildError("OPTIONS_INVALID", `insecure registry ${JSON.stringify(text)} is not "host[:port]"`, {
        details: { option: "insecure-registry" },
        hint: 'Write it without a scheme or path, for example "registry.local:5000".',
      });
    }
    insecure.add(new URL(`https://${host}`).host);
  }
  return { mirrors, insecure };
}

/**
 * Where to look for what `reference` names, in order: the mirrors of its registry, then the registry itself.
 * @throws REGISTRY_INSECURE for a mirror with plain HTTP that is neither on this machine nor named as insecure,
 * REGISTRY_BLOCKED when configuration forbids the registry
 */
export function pullLocations(
  hosts: RegistryHosts,
  reference: Reference,
): [RepositoryLocation, ...RepositoryLocation[]] {
  const home = homeLocation(hosts, reference);
  const rule = ruleFor(hosts, reference);
  const kind = reference.digest === undefined ? "tags" : "digests";
  const locations = [
    ...(hosts.mirrors.get(reference.registry.toLowerCase()) ?? []).map((mirror) => ({
      endpoint: mirrorEndpoint(hosts, mirror),
      repository: joined(mirror.path, reference.repository),
    })),
    ...(rule?.mirrors ?? [])
      .filter(({ only }) => only === undefined || only === kind)
      .map((mirror) => ({
        endpoint: mirrorEndpoint(hosts, mirror),
        repository: joined(mirror.path, restBelow(rule!, reference)),
      })),
    home,
  ];
  return [locations[0]!, ...locations.slice(1)];
}

/** `reference`, and under which names the mirrors of its registry have the same image: mirrors first. */
export function mirroredNames(hosts: RegistryHosts, reference: Reference): readonly Reference[] {
  const mirrors = hosts.mirrors.get(reference.registry.toLowerCase()) ?? [];
  const names = mirrors.map(({ host, path }) => {
    return { ...reference, registry: host, repository: joined(path, reference.repository) };
  });
  return [...names, reference];
}

/**
 * The registry itself: what is pushed goes nowhere else.
 * @throws REFERENCE_INVALID when its registry cannot be a host, REGISTRY_BLOCKED
 */
export function homeLocation(hosts: RegistryHosts, name: Repository): RepositoryLocation {
  const rule = ruleFor(hosts, name);
  refuseBlocked(rule, `${name.registry}/${name.repository}`);
  if (rule?.location === undefined) {
    return { endpoint: endpointOf(hosts, name.registry, false), repository: name.repository };
  }
  const { host, path } = rule.location;
  return { endpoint: endpointOf(hosts, host, false), repository: joined(path, restBelow(rule, name)) };
}

/**
 * The registry as a whole: logins and its catalogue.
 * @throws REFERENCE_INVALID when `registry` cannot be a host, REGISTRY_BLOCKED
 */
export function homeEndpoint(hosts: RegistryHosts, registry: string): Endpoint {
  const rule = ruleFor(hosts, { registry, repository: "" });
  refuseBlocked(rule, registry);
  const whole = rule?.location?.path === "" ? rule.location.host : registry;
  return endpointOf(hosts, whole, false);
}

function endpointOf(hosts: RegistryHosts, registry: string, mirror: boolean): Endpoint {
  const host = isDockerHub(registry) ? DOCKER_API_HOST : registry;
  if (originOf("https:", host) === undefined) {
    throw new OcibuildError("REFERENCE_INVALID", `"${registry}" is not the host of a registry`, {
      details: { reference: registry, reason: "no host" },
      hint: 'Expected "host[:port]" before the first slash of the image name.',
    });
  }
  return { credentialHost: registry, origins: originsOf(hosts, host), mirror };
}

function mirrorEndpoint(hosts: RegistryHosts, { host, scheme }: Mirror): Endpoint {
  const { origins } = endpointOf(hosts, host, true);
  const origin = scheme === undefined ? undefined : origins.find((url) => url.protocol === scheme);
  if (scheme !== undefined && origin === undefined) {
    throw new OcibuildError("REGISTRY_INSECURE", `mirror "${host}" would be asked over plain HTTP`, {
      details: { host },
      hint: `Use https, or allow it with --insecure-registry ${host}.`,
    });
  }
  return { credentialHost: host, origins: origin === undefined ? origins : [origin], mirror: true };
}

/** The origins that may be tried for `host`, a valid one. */
function originsOf(hosts: RegistryHosts, host: string): Endpoint["origins"] {
  const https = new URL(`https://${host}`);
  const plainAllowed = isLoopback(https) || isInsecure(hosts, https.host);
  return plainAllowed ? [https, new URL(`http://${host}`)] : [https];
}

function joined(path: string, repository: string): string {
  return [path, repository].filter((part) => part !== "").join("/");
}

/**
 * Reads `[http[s]://]host[:port][/path]`; `undefined` when it is something else, or has credentials.
 */
export function parseMirror(text: string): Mirror | undefined {
  const written = /^(https?:)\/\//i.exec(text);
  const scheme = written?.[1]?.toLowerCase() as Mirror["scheme"];
  const [host = "", ...path] = text.slice(written?.[0].length ?? 0).split("/");
  if (originOf("https:", host) === undefined || !path.every((part) => /^[a-z0-9._-]*$/.test(part))) return undefined;
  const parts = path.filter((part) => part !== "");
  if (parts.includes("..") || parts.includes(".")) return undefined;
  return { host: host.toLowerCase(), path: parts.join("/"), ...(scheme === undefined ? {} : { scheme }) };
}

/** `scheme://host` when `host` is nothing but a host with an optional port. */
export function originOf(scheme: "http:" | "https:", host: string): URL | undefined {
  if (host === "" || /[/?#@\\\s]|:$/.test(host)) return undefined;
  const text = `${scheme}//${host}`;
  return URL.canParse(text) ? new URL(text) : undefined;
}

function refuseBlocked(rule: RegistryRule | undefined, name: string): void {
  if (rule?.blocked !== true) return;
  throw new OcibuildError("REGISTRY_BLOCKED", `"${name}" may not be used: "${rule.prefix}" is blocked`, {
    details: { reference: name, prefix: rule.prefix, file: rule.file },
    hint: `Change the entry in "${rule.file}".`,
  });
}

function invalidMirror(text: string): OcibuildError {
  return new OcibuildError("OPTIONS_INVALID", `registry mirror ${JSON.stringify(text)} is not "HOST=URL"`, {
    details: { option: "registry-mirror" },
    hint: 'Expected for example "docker.io=https://mirror.example" with http, https or no scheme and without credentials.',
  });
}
