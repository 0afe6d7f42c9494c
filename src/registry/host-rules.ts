/** Rules of configuration files for registries and parts of them: which one is for a name, and what it makes of it. */
import type { Reference } from "../oci/reference.js";
import { isDockerHub } from "./docker-hub.js";

/** A server that holds copies of another registry's content. */
export interface Mirror {
  /** `host[:port]` in lower case. */
  readonly host: string;
  /** Absent when not said: then as for a registry of that name. */
  readonly scheme?: "http:" | "https:";
  /** Put before repository names, without slashes around; empty for most. */
  readonly path: string;
  /** Plain HTTP allowed, certificates not checked. */
  readonly insecure?: boolean;
  /** Asked only for references of this kind. */
  readonly only?: "tags" | "digests";
}

/** How registries are reached; `registryHosts` makes one from command-line texts, `loadRegistries` from files, too. */
export interface RegistryHosts {
  /** Registry (`docker.io`) → mirrors in the order in which they are tried. */
  readonly mirrors: ReadonlyMap<string, readonly Mirror[]>;
  /** `host[:port]` in lower case: plain HTTP allowed, certificates not checked. */
  readonly insecure: ReadonlySet<string>;
  /** Of configuration files, one list for each; the first list with a rule for a name decides, in it the longest prefix. */
  readonly rules?: readonly (readonly RegistryRule[])[];
}

export interface RegistryRule {
  /** `host[:port]`, `host[:port]/part/of/names`, or `*.domain` for all hosts below it. Lower case. */
  readonly prefix: string;
  /** What the prefix is replaced by; for a `*.domain` the whole host. */
  readonly location?: { readonly host: string; readonly path: string };
  /** Plain HTTP allowed, certificates not checked. */
  readonly insecure: boolean;
  /** Nothing of it may be used. */
  readonly blocked: boolean;
  readonly mirrors: readonly Mirror[];
  /** Where it stands. */
  readonly file: string;
}

type Repository = Pick<Reference, "registry" | "repository">;

/** The rule for a name: of the first list that has one, the one with the longest prefix. */
export function ruleFor({ rules = [] }: RegistryHosts, name: Repository): RegistryRule | undefined {
  for (const list of rules) {
    let best: RegistryRule | undefined;
    for (const rule of list) {
      if (matches(rule.prefix, name) && rule.prefix.length >= (best?.prefix.length ?? 0)) best = rule;
    }
    if (best !== undefined) return best;
  }
  return undefined;
}

/** What of the repository's name is not part of the rule's prefix. */
export function restBelow({ prefix }: RegistryRule, { repository }: Repository): string {
  const path = pathOf(prefix);
  return path === "" ? repository : repository.slice(path.length + 1);
}

/** Whether plain HTTP is allowed for `host` (as `URL.host` gives it), and its certificates are not checked. */
export function isInsecure({ insecure, rules = [] }: RegistryHosts, host: string): boolean {
  if (insecure.has(host)) return true;
  return rules.some((list) =>
    list.some(
      (rule) =>
        rule.mirrors.some((mirror) => mirror.insecure === true && sameHost(mirror.host, host)) ||
        (rule.insecure &&
          (rule.location === undefined ? hostMatches(rule.prefix, host) : sameHost(rule.location.host, host))),
    ),
  );
}

function matches(prefix: string, { registry, repository }: Repository): boolean {
  if (!hostMatches(prefix, registry)) return false;
  const path = pathOf(prefix);
  return path === "" || repository === path || repository.startsWith(`${path}/`);
}

function hostMatches(prefix: string, registry: string): boolean {
  const host = prefix.split("/", 1)[0]!;
  if (!host.startsWith("*.")) return sameHost(host, registry);
  return registry.toLowerCase().replace(/:\d+$/, "").endsWith(host.slice(1));
}

function sameHost(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase() || (isDockerHub(a) && isDockerHub(b));
}

function pathOf(prefix: string): string {
  const slash = prefix.indexOf("/");
  return slash === -1 ? "" : prefix.slice(slash + 1);
}
