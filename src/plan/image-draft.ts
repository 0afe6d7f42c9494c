/** The config of the image in the making, as instructions change it; maps are `Map`s, so any name is safe. */
import type { ExecutionConfig, Healthcheck, ImageConfig, Platform } from "../oci/types.js";
import type { PlannedConfig } from "./build-plan.js";
import { splitVariable } from "./environment.js";

export interface ImageDraft {
  platform: Platform | undefined;
  author: string | undefined;
  user: string;
  exposedPorts: Set<string>;
  /** Name → whole entry, in the order of the config. */
  env: Map<string, string>;
  entrypoint: readonly string[];
  cmd: readonly string[];
  volumes: Set<string>;
  workingDir: string;
  labels: Map<string, string>;
  stopSignal: string;
  argsEscaped: boolean;
  healthcheck: Healthcheck | undefined;
  onBuild: readonly string[];
  shell: readonly string[];
}

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** A config that says nothing at all: what a folder in the place of a stage has. */
export function blankImage(): ImageDraft {
  return {
    platform: undefined,
    author: undefined,
    user: "",
    exposedPorts: new Set(),
    env: new Map(),
    entrypoint: [],
    cmd: [],
    volumes: new Set(),
    workingDir: "",
    labels: new Map(),
    stopSignal: "",
    argsEscaped: false,
    healthcheck: undefined,
    onBuild: [],
    shell: [],
  };
}

/** The config that `FROM scratch` starts with. */
export function scratchImage(platform: Platform): ImageDraft {
  const draft: ImageDraft = { ...blankImage(), platform, workingDir: "/" };
  ensurePath(draft, platform);
  return draft;
}

/** The config that a base image hands on. */
export function imageOf({ config = {}, ...image }: ImageConfig): ImageDraft {
  const env = new Map<string, string>();
  for (const entry of config.Env ?? []) env.set(splitVariable(entry).name, entry);
  return {
    platform: platformOf(image),
    author: image.author,
    user: config.User ?? "",
    exposedPorts: new Set(Object.keys(config.ExposedPorts ?? {})),
    env,
    entrypoint: config.Entrypoint ?? [],
    cmd: config.Cmd ?? [],
    volumes: new Set(Object.keys(config.Volumes ?? {})),
    workingDir: config.WorkingDir ?? "",
    labels: new Map(Object.entries(config.Labels ?? {})),
    stopSignal: config.StopSignal ?? "",
    argsEscaped: config.ArgsEscaped ?? false,
    healthcheck: config.Healthcheck,
    onBuild: config.OnBuild ?? [],
    shell: config.Shell ?? [],
  };
}

/** A copy for a stage that starts from this one; its ONBUILD triggers stay behind. */
export function inheritImage(draft: ImageDraft): ImageDraft {
  return {
    ...draft,
    exposedPorts: new Set(draft.exposedPorts),
    env: new Map(draft.env),
    volumes: new Set(draft.volumes),
    labels: new Map(draft.labels),
    onBuild: [],
  };
}

/** Gives an image without PATH the usual one, except on Windows, which has its own. */
export function ensurePath(draft: ImageDraft, platform: Platform): void {
  if (!draft.env.has("PATH") && platform.os !== "windows") draft.env.set("PATH", `PATH=${DEFAULT_PATH}`);
}

/** The config as documents have it: empty members left out, maps sorted by key. */
export function plannedConfigOf(draft: ImageDraft, platform: Platform): PlannedConfig {
  const { healthcheck } = draft;
  const config: ExecutionConfig = {
    ...(draft.user === "" ? {} : { User: draft.user }),
    ...(draft.exposedPorts.size === 0 ? {} : { ExposedPorts: sortedRecord(emptyObjects(draft.exposedPorts)) }),
    ...(draft.env.size === 0 ? {} : { Env: [...draft.env.values()] }),
    ...(draft.entrypoint.length === 0 ? {} : { Entrypoint: draft.entrypoint }),
    ...(draft.cmd.length === 0 ? {} : { Cmd: draft.cmd }),
    ...(draft.volumes.size === 0 ? {} : { Volumes: sortedRecord(emptyObjects(draft.volumes)) }),
    ...(draft.workingDir === "" ? {} : { WorkingDir: draft.workingDir }),
    ...(draft.labels.size === 0 ? {} : { Labels: sortedRecord(draft.labels) }),
    ...(draft.stopSignal === "" ? {} : { StopSignal: draft.stopSignal }),
    ...(draft.argsEscaped ? { ArgsEscaped: true } : {}),
    ...(healthcheck === undefined ? {} : { Healthcheck: healthcheck }),
    ...(draft.onBuild.length === 0 ? {} : { OnBuild: draft.onBuild }),
    ...(draft.shell.length === 0 ? {} : { Shell: draft.shell }),
  };
  return {
    ...platform,
    ...(draft.author === undefined || draft.author === "" ? {} : { author: draft.author }),
    config,
  };
}

function platformOf(image: Platform): Platform {
  return {
    os: image.os,
    architecture: image.architecture,
    ...(image.variant === undefined || image.variant === "" ? {} : { variant: image.variant }),
    ...(image["os.version"] === undefined || image["os.version"] === "" ? {} : { "os.version": image["os.version"] }),
    ...(image["os.features"] === undefined ? {} : { "os.features": image["os.features"] }),
  };
}

function* emptyObjects(names: Iterable<string>): Generator<[string, object]> {
  for (const name of names) yield [name, {}];
}

/** An object without prototype: `__proto__` becomes a member like any other. */
function sortedRecord<V>(entries: Iterable<[string, V]>): Record<string, V> {
  const record = Object.create(null) as Record<string, V>;
  for (const [key, value] of [...entries].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))) record[key] = value;
  return record;
}
