/**
 * Image references as Docker reads them: `[host[:port]/]path[:tag][@digest]`, with Docker Hub's defaults filled in.
 *
 * Parsing is strict and made of anchored patterns without backtracking, because the parts become URLs. Where Docker
 * accepts what looks odd (`localhost:5000` is tag `5000` of `library/localhost`), so does this.
 */
import { OcibuildError } from "../errors.js";
import { isDigest } from "./digest.js";

/** `sha256:…` or `sha512:…` in lower-case hex; narrow with `isDigest` where only sha256 will do. */
export type ReferenceDigest = `${"sha256" | "sha512"}:${string}`;

/** A parsed reference, defaults filled in. Has a tag, a digest, or both; the digest decides when there are both. */
export interface Reference {
  /**
   * `host[:port]` as written (case kept), `docker.io` where none was. Empty for the few names that Docker accepts
   * although their host part cannot be a host (`my_registry.io/app`): such an image can be tagged, never pulled.
   */
  readonly registry: string;
  /** Lower-case path, for example `library/busybox`; at most 255 characters. */
  readonly repository: string;
  /** `latest` where neither tag nor digest was written. */
  readonly tag?: string;
  readonly digest?: ReferenceDigest;
}

const DEFAULT_REGISTRY = "docker.io";
const LEGACY_REGISTRY = "index.docker.io";
const OFFICIAL_PREFIX = "library/";
const DEFAULT_TAG = "latest";

/** Longest text that is looked at: host, path, tag and digest at their own limits, and some more. */
const MAX_LENGTH = 1024;
const MAX_REPOSITORY_LENGTH = 255;

const HOST_LABEL = /^[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?$/;
const IPV6 = /^\[[a-fA-F0-9:]+\]$/;
const PORT = /^[0-9]+$/;
const PATH_COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST_SHAPE = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;
const SHA512 = /^sha512:[0-9a-f]{128}$/;
const BARE_DIGEST = /^[0-9a-f]{64}$/;

/**
 * Reads `text` as `docker pull` would, strictly: no trimming, no scheme, no user part.
 * @throws REFERENCE_INVALID
 */
export function parseReference(text: string): Reference {
  if (text.length > MAX_LENGTH) throw invalid(text, pathTooLong(text) ? TOO_LONG : FORMAT);
  if (BARE_DIGEST.test(text)) {
    throw invalid(text, `invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
  }
  const { domain, rest } = splitDomain(text);
  const at = rest.indexOf("@");
  const named = at === -1 ? rest : rest.slice(0, at);
  const colon = named.indexOf(":");
  const path = colon === -1 ? named : named.slice(0, colon);
  if (path.toLowerCase() !== path) throw uppercase(text, rest.split(":", 1)[0]!);

  const registry = isHostAndPort(domain) ? domain : "";
  const repository = registry === "" ? `${domain}/${path}` : path;
  if (!isPath(repository)) {
    throw registry === "" && isPath(repository.toLowerCase()) ? uppercase(text, repository) : invalid(text, FORMAT);
  }
  const tag = colon === -1 ? undefined : named.slice(colon + 1);
  if (tag !== undefined && !TAG.test(tag)) throw invalid(text, FORMAT);
  const digestText = at === -1 ? undefined : rest.slice(at + 1);
  if (digestText !== undefined && !DIGEST_SHAPE.test(digestText)) throw invalid(text, FORMAT);
  if (repository.length > MAX_REPOSITORY_LENGTH) throw invalid(text, TOO_LONG);
  const digest = digestText === undefined ? undefined : checkDigest(text, digestText);
  return {
    registry,
    repository,
    ...(tag !== undefined ? { tag } : digest === undefined ? { tag: DEFAULT_TAG } : {}),
    ...(digest !== undefined ? { digest } : {}),
  };
}

/** The full form: `docker.io/library/busybox:latest`, `r.example/app:1@sha256:…`. `parseReference` reads it back. */
export function formatReference(reference: Reference): string {
  return nameOf(reference) + suffixOf(reference);
}

/**
 * The short form that Docker shows: without `docker.io/` and `library/`. Tag and digest stay. A name whose short form
 * would be read as another one stays long, so `parseReference` reads this back too.
 */
export function familiarName(reference: Reference): string {
  return familiarRepository(reference) + suffixOf(reference);
}

/** `registry/repository` without tag and digest. */
export function nameOf(reference: Reference): string {
  return reference.registry === "" ? reference.repository : `${reference.registry}/${reference.repository}`;
}

/** True for what may stand after the colon of a reference. @spec distribution-spec#pulling-manifests */
export function isTag(text: string): boolean {
  return TAG.test(text);
}

/** True for the path of a repository, without its registry. @spec distribution-spec#pulling-manifests */
export function isRepository(text: string): boolean {
  return text.length <= MAX_REPOSITORY_LENGTH && isPath(text);
}

function familiarRepository({ registry, repository }: Reference): string {
  if (registry !== DEFAULT_REGISTRY) return nameOf({ registry, repository });
  const short = repository.startsWith(OFFICIAL_PREFIX) ? repository.slice(OFFICIAL_PREFIX.length) : repository;
  if (!short.includes("/")) return short;
  return looksLikeHost(repository.slice(0, repository.indexOf("/"))) ? nameOf({ registry, repository }) : repository;
}

function suffixOf({ tag, digest }: Reference): string {
  return (tag === undefined ? "" : `:${tag}`) + (digest === undefined ? "" : `@${digest}`);
}

/** Docker's guess whether what stands before the first slash is a host. */
function splitDomain(text: string): { domain: string; rest: string } {
  const slash = text.indexOf("/");
  if (slash === -1) return { domain: DEFAULT_REGISTRY, rest: OFFICIAL_PREFIX + text };
  const first = text.slice(0, slash);
  const hasHost = looksLikeHost(first);
  const domain = !hasHost || first === LEGACY_REGISTRY ? DEFAULT_REGISTRY : first;
  const rest = hasHost ? text.slice(slash + 1) : text;
  return { domain, rest: domain === DEFAULT_REGISTRY && !rest.includes("/") ? OFFICIAL_PREFIX + rest : rest };
}

function looksLikeHost(first: string): boolean {
  return first === "localhost" || /[.:]/.test(first) || first.toLowerCase() !== first;
}

function isHostAndPort(domain: string): boolean {
  const bracket = domain.lastIndexOf("]");
  const colon = domain.indexOf(":", bracket + 1);
  const host = colon === -1 ? domain : domain.slice(0, colon);
  if (colon !== -1 && !PORT.test(domain.slice(colon + 1))) return false;
  return IPV6.test(host) || host.split(".").every((label) => HOST_LABEL.test(label));
}

function isPath(path: string): boolean {
  return path.split("/").every((component) => PATH_COMPONENT.test(component));
}

function checkDigest(text: string, digest: string): ReferenceDigest {
  if (isDigest(digest) || SHA512.test(digest)) return digest as ReferenceDigest;
  const algorithm = digest.slice(0, digest.indexOf(":"));
  if (algorithm !== "sha256" && algorithm !== "sha512") throw invalid(text, "unsupported digest algorithm");
  const wanted = algorithm === "sha256" ? 64 : 128;
  const length = digest.length - algorithm.length - 1;
  throw invalid(text, length === wanted ? "invalid checksum digest format" : "invalid checksum digest length");
}

// The reasons are the words of Docker's own parser, which people search for.
const FORMAT = "invalid reference format";
const TOO_LONG = `repository name must not be more than ${MAX_REPOSITORY_LENGTH} characters`;

function pathTooLong(text: string): boolean {
  return text.split("/").every((part) => /^[a-z0-9]+$/.test(part));
}

function uppercase(text: string, repository: string): OcibuildError {
  return invalid(text, `${FORMAT}: repository name (${repository}) must be lowercase`, "Write the name in lower case.");
}

function invalid(text: string, reason: string, hint?: string): OcibuildError {
  const shown = text.length > 300 ? `${text.slice(0, 300)}…` : text;
  return new OcibuildError("REFERENCE_INVALID", `image reference ${JSON.stringify(shown)} is not valid: ${reason}`, {
    details: { reference: shown, reason },
    hint: hint ?? hintFor(text),
  });
}

function hintFor(text: string): string {
  if (text.trim() !== text) return "Remove the white space around the name.";
  if (/^[a-z]+:\/\//i.test(text)) return 'Leave the scheme out: "registry.example/app:1".';
  if (text.includes("$")) return "A variable was not expanded: declare it with ARG before it is used.";
  return 'Expected [registry[:port]/]name[:tag][@sha256:…], for example "registry.example:5000/team/app:1".';
}
