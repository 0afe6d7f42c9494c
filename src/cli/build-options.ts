/** Request → `BuildOptions`: every text is checked here, before anything is opened, so that a typing error costs nothing. */
import { resolve } from "node:path";
import { type Compression, DEFAULT_GZIP_LEVEL, DEFAULT_ZSTD_LEVEL } from "../compression/compression.js";
import { parseContextSource } from "../context/context-source.js";
import { parseSize } from "../dockerfile/size.js";
import { OcibuildError } from "../errors.js";
import { formatPlatform, hostPlatform, parsePlatform } from "../oci/platform.js";
import { parseReference } from "../oci/reference.js";
import type { BuildOptions } from "../options.js";
import { registryHosts } from "../registry/hosts.js";
import { optionError } from "./option-error.js";
import type { BuildRequest } from "./options/build-request.js";
import { readOutputs } from "./output-options.js";
import { readRunOptions } from "./run-options.js";

export interface OptionSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdoutIsTTY: boolean;
}

/** Everything but streams, events and signal. @throws OPTIONS_… */
export function toBuildOptions(
  request: BuildRequest,
  operands: readonly string[],
  { env, cwd, stdoutIsTTY }: OptionSurroundings,
): BuildOptions {
  const root = request.root ?? variable(env, "OCIBUILD_ROOT");
  const dockerConfigDir = variable(env, "DOCKER_CONFIG");
  const { registryMirrors, insecureRegistries } = request;
  registryHosts({ mirrors: registryMirrors, insecure: insecureRegistries });
  return {
    cwd,
    context: parseContextSource(contextOperand(operands, request)),
    ...(request.file === undefined ? {} : { file: request.file }),
    ...(request.target === undefined ? {} : { target: request.target }),
    ...buildArgs(request.buildArgs, env),
    buildContexts: pairs(request.buildContexts, "--build-context", "required"),
    platforms: platforms(request.platforms),
    labels: pairs(request.labels, "--label", "optional"),
    annotations: annotations(request.annotations),
    tags: request.tags.map(checkedTag),
    outputs: readOutputs(request, stdoutIsTTY),
    push: request.push,
    ...(request.cacheFrom.length === 0 ? {} : { cacheFrom: request.cacheFrom }),
    ...(request.cacheTo.length === 0 ? {} : { cacheTo: request.cacheTo }),
    noCache: request.noCache || request.noCacheFilters.flatMap(listed),
    pull: request.pull,
    ...cacheOptions(request),
    ...readRunOptions(request, { env, cwd }),
    ...compression(request),
    reproducible: request.reproducible,
    registryMirrors,
    insecureRegistries,
    ...(root === undefined ? {} : { root: resolve(cwd, root) }),
    ...storeLimit(request.storeLimit),
    ...(dockerConfigDir === undefined ? {} : { dockerConfigDir: resolve(cwd, dockerConfigDir) }),
  };
}

function storeLimit(text: string | undefined): Pick<BuildOptions, "storeLimit"> {
  if (text === undefined) return {};
  const bytes = parseSize(text);
  if (bytes !== undefined) return { storeLimit: bytes };
  throw optionError("--store-limit", `"--store-limit ${text}" expected a size`, "For example 20GB.");
}

/** A variable of the environment; an empty one counts as not set. */
function variable(env: OptionSurroundings["env"], name: string): string | undefined {
  const value = Object.hasOwn(env, name) ? env[name] : undefined;
  return value === "" ? undefined : value;
}

function contextOperand(operands: readonly string[], { file }: BuildRequest): string {
  const [path, ...others] = operands;
  if (path === undefined || others.length > 0) {
    const got = path === undefined ? "none" : `${operands.length}: ${operands.map((word) => `"${word}"`).join(", ")}`;
    const hint =
      path === "build" || path === undefined
        ? 'Usage: ocibuild [build] [OPTIONS] PATH, with "." for the current folder.'
        : "An option that wants a value takes the next word; values with spaces need quotes.";
    throw optionError("context", `expected one build context but got ${got}`, hint);
  }
  if (path === "")
    throw optionError("context", 'expected a build context but got ""', 'Say "." for the current folder.');
  if (path === "-" && file === "-") {
    throw optionError("--file", "standard input cannot be the build context and the Dockerfile at the same time");
  }
  return path;
}

/** `KEY=VALUE` texts; the last of equal keys counts. Without `=` the value is empty where that is allowed. */
function pairs(texts: readonly string[], option: string, value: "required" | "optional"): Record<string, string> {
  const found = new Map<string, string>();
  for (const text of texts) {
    const equals = text.indexOf("=");
    if (equals === 0 || text === "" || (equals === -1 && value === "required")) {
      throw optionError(option, `"${option} ${text}" expected name=value`);
    }
    found.set(equals === -1 ? text : text.slice(0, equals), equals === -1 ? "" : text.slice(equals + 1));
  }
  return Object.fromEntries(found);
}

/** Build arguments; SOURCE_DATE_EPOCH of the environment is one too, and says what times the image gets. */
function buildArgs(
  texts: readonly string[],
  env: OptionSurroundings["env"],
): Pick<BuildOptions, "buildArgs" | "sourceDateEpoch"> {
  const found = new Map<string, string>();
  for (const text of texts) {
    const equals = text.indexOf("=");
    if (equals === 0 || text === "") throw optionError("--build-arg", `"--build-arg ${text}" expected name[=value]`);
    if (equals !== -1) found.set(text.slice(0, equals), text.slice(equals + 1));
    else if (Object.hasOwn(env, text) && env[text] !== undefined) found.set(text, env[text]);
  }
  const inherited = variable(env, "SOURCE_DATE_EPOCH");
  if (inherited !== undefined && !found.has("SOURCE_DATE_EPOCH")) found.set("SOURCE_DATE_EPOCH", inherited);
  const epoch = found.get("SOURCE_DATE_EPOCH") ?? "";
  return { buildArgs: Object.fromEntries(found), ...(epoch === "" ? {} : { sourceDateEpoch: epochSeconds(epoch) }) };
}

/** The last second that a JavaScript date can hold. */
const MAX_EPOCH_SECONDS = 8_640_000_000_000;

function epochSeconds(text: string): number {
  const seconds = /^-?[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (Math.abs(seconds) <= MAX_EPOCH_SECONDS) return seconds;
  const message = `SOURCE_DATE_EPOCH expected whole seconds since 1970 but got "${text}"`;
  throw optionError("SOURCE_DATE_EPOCH", message, "For example $(git log -1 --format=%ct), or unset it.");
}

/** The parts of a list with commas. */
function listed(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

function platforms(texts: readonly string[]): string[] {
  const found = new Set<string>();
  for (const name of texts.flatMap(listed)) {
    const isLocal = name.toLowerCase() === "local";
    found.add(checked("--platform", () => formatPlatform(isLocal ? hostPlatform() : parsePlatform(name))));
  }
  return [...found];
}

function checkedTag(tag: string): string {
  const { digest } = checked("--tag", () => parseReference(tag));
  if (digest === undefined) return tag;
  throw optionError(
    "--tag",
    `"--tag ${tag}" expected a name but got one with a digest`,
    "Leave out what follows the @.",
  );
}

const SCOPE = /^(?:manifest|index)$/;
/** Docker has these as well. */
const UNSUPPORTED_SCOPE = /^(?:manifest|index)(?:-descriptor)?(?:\[[A-Za-z0-9_/-]+\])?$/;

/** `[SCOPE[,SCOPE…]:]KEY=VALUE`, with one entry for each scope. */
function annotations(texts: readonly string[]): Record<string, string> {
  const found = new Map<string, string>();
  for (const [written, value] of Object.entries(pairs(texts, "--annotation", "required"))) {
    const colon = written.indexOf(":");
    const key = written.slice(colon + 1);
    if (key === "") throw optionError("--annotation", `"--annotation ${written}=…" expected a key after the colon`);
    if (colon === -1) found.set(key, value);
    for (const scope of colon === -1 ? [] : written.slice(0, colon).split(",")) {
      if (!SCOPE.test(scope)) throw scopeError(written, scope);
      found.set(`${scope}:${key}`, value);
    }
  }
  return Object.fromEntries(found);
}

/** What is said of the cache, and what its keys are made of. */
function cacheOptions(request: BuildRequest): Pick<BuildOptions, "explain" | "requireCache" | "contextModes"> {
  const { explain, requireCache, contextModes = "keep", noCache, noCacheFilters } = request;
  if (contextModes !== "keep" && contextModes !== "git") {
    throw optionError("--context-modes", `"--context-modes ${contextModes}" expected keep or git`);
  }
  if (requireCache && (noCache || noCacheFilters.length > 0)) {
    const other = noCache ? "--no-cache" : "--no-cache-filter";
    throw optionError("--require-cache", `--require-cache and ${other} contradict each other`);
  }
  if (explain && (request.quiet || request.progress === "quiet")) {
    throw optionError("--explain", "--explain and --quiet contradict each other");
  }
  return {
    ...(explain ? { explain } : {}),
    ...(requireCache ? { requireCache } : {}),
    ...(contextModes === "git" ? { contextModes } : {}),
  };
}

function scopeError(written: string, scope: string): OcibuildError {
  if (!UNSUPPORTED_SCOPE.test(scope)) {
    const message = `"--annotation ${written}=…" expected the scope manifest or index but got "${scope}"`;
    return optionError("--annotation", message);
  }
  return new OcibuildError("OPTIONS_UNSUPPORTED", `annotations of "${scope}" are not supported by this version`, {
    details: { option: "--annotation" },
    hint: 'The scopes are "manifest" (of all platforms) and "index".',
  });
}

function compression(request: BuildRequest): { readonly compression?: Compression } {
  const { compression: kind, compressionLevel } = request;
  if (kind === undefined && compressionLevel === undefined) return {};
  if (kind === "uncompressed") {
    if (compressionLevel === undefined) return { compression: { kind } };
    throw optionError("--compression-level", "--compression-level means nothing with --compression uncompressed");
  }
  if (kind !== undefined && kind !== "gzip" && kind !== "zstd") {
    throw optionError("--compression", `"--compression ${kind}" expected gzip, zstd or uncompressed`);
  }
  const used = kind ?? "gzip";
  const [least, most, usual] = used === "gzip" ? [0, 9, DEFAULT_GZIP_LEVEL] : [1, 22, DEFAULT_ZSTD_LEVEL];
  const level =
    compressionLevel === undefined ? usual : /^[0-9]{1,2}$/.test(compressionLevel) ? Number(compressionLevel) : -1;
  if (level >= least && level <= most) return { compression: { kind: used, level } };
  const message = `"--compression-level ${compressionLevel}" expected a level from ${least} to ${most} for ${used}`;
  throw optionError("--compression-level", message);
}

/** Errors of parsers that serve Dockerfiles too, as errors about the option. */
function checked<T>(option: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof OcibuildError)) throw error;
    throw optionError(option, `${option}: ${error.message}`, error.hint);
  }
}
