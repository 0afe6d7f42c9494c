/**
 * Documents → canonical bytes: the same document has the same bytes on every machine.
 *
 * Keys stand in the order in which BuildKit writes them, empty values are left out as its encoder does, and what is not
 * named here follows in bytewise order. @spec manifest.md, image-index.md, config.md
 */
import { compareBytes } from "../util/bytes.js";
import type {
  Descriptor,
  ExecutionConfig,
  HistoryEntry,
  ImageConfig,
  ImageIndex,
  Manifest,
  Platform,
} from "./types.js";

const DESCRIPTOR_KEYS = ["mediaType", "digest", "size", "urls", "annotations", "data", "platform", "artifactType"];
const PLATFORM_KEYS = ["architecture", "os", "os.version", "os.features", "variant"];
const CONFIG_KEYS = [
  "User",
  "ExposedPorts",
  "Env",
  "Entrypoint",
  "Cmd",
  "Volumes",
  "WorkingDir",
  "Labels",
  "StopSignal",
  "ArgsEscaped",
  "Healthcheck",
  "OnBuild",
  "Shell",
];
const HEALTHCHECK_KEYS = ["Test", "Interval", "Timeout", "StartPeriod", "StartInterval", "Retries"];
const HISTORY_KEYS = ["created", "created_by", "author", "comment", "empty_layer"];

type Json = Readonly<Record<string, unknown>>;

/** Bytes of a manifest, indented. */
export function encodeManifest(manifest: Manifest): Buffer {
  const { config, layers, subject, annotations, ...rest } = manifest;
  return indented({
    ...ordered(rest, ["schemaVersion", "mediaType", "artifactType"]),
    config: orderedDescriptor(config),
    layers: layers.map(orderedDescriptor),
    ...(subject === undefined ? {} : { subject: orderedDescriptor(subject) }),
    ...orderedAnnotations(annotations),
  });
}

/** Bytes of an index, indented. */
export function encodeIndex(index: ImageIndex): Buffer {
  const { manifests, subject, annotations, ...rest } = index;
  return indented({
    ...ordered(rest, ["schemaVersion", "mediaType", "artifactType"]),
    manifests: manifests.map(orderedDescriptor),
    ...(subject === undefined ? {} : { subject: orderedDescriptor(subject) }),
    ...orderedAnnotations(annotations),
  });
}

/** Bytes of an image config, compact, its top-level keys sorted. */
export function encodeImageConfig(config: ImageConfig): Buffer {
  const { config: execution, history, rootfs, ...rest } = config;
  const document: Json = {
    ...withoutEmpty({ ...rest }, ["created", "author", "variant", "os.version", "os.features"]),
    config: orderedExecutionConfig(execution ?? {}),
    rootfs: { type: rootfs.type, diff_ids: rootfs.diff_ids },
    ...(history === undefined ? {} : { history: history.map(orderedHistory) }),
  };
  return compact(ordered(document, []));
}

function orderedDescriptor(descriptor: Descriptor): Json {
  const { platform, annotations, ...rest } = descriptor;
  return ordered(
    {
      ...rest,
      ...orderedAnnotations(annotations),
      ...(platform === undefined ? {} : { platform: orderedPlatform(platform) }),
    },
    DESCRIPTOR_KEYS,
  );
}

function orderedPlatform(platform: Platform): Json {
  return withoutEmpty(ordered({ ...platform }, PLATFORM_KEYS), ["os.version", "os.features", "variant"]);
}

function orderedAnnotations(annotations: Readonly<Record<string, string>> | undefined): Json {
  return annotations === undefined || Object.keys(annotations).length === 0
    ? {}
    : { annotations: ordered(annotations, []) };
}

function orderedExecutionConfig(config: ExecutionConfig): Json {
  const { ExposedPorts, Volumes, Labels, Healthcheck, ...rest } = config;
  const document: Json = {
    ...rest,
    ...(ExposedPorts === undefined ? {} : { ExposedPorts: ordered(ExposedPorts, []) }),
    ...(Volumes === undefined ? {} : { Volumes: ordered(Volumes, []) }),
    ...(Labels === undefined ? {} : { Labels: ordered(Labels, []) }),
    // An empty check still means "inherit", so it stays.
    ...(Healthcheck === undefined
      ? {}
      : { Healthcheck: ordered(withoutEmpty({ ...Healthcheck }, HEALTHCHECK_KEYS), HEALTHCHECK_KEYS) }),
  };
  const leftOut = CONFIG_KEYS.filter((key) => key !== "Healthcheck");
  return ordered(withoutEmpty(document, leftOut), CONFIG_KEYS);
}

function orderedHistory(entry: HistoryEntry): Json {
  return ordered(withoutEmpty({ ...entry }, HISTORY_KEYS), HISTORY_KEYS);
}

/**
 * The properties of `object`: `first` in that order, then the others sorted. `__proto__` stays a property. (Names that
 * look like array indexes come before all, as in every JavaScript object: another order than Go's, but a fixed one.)
 */
function ordered(object: Json, first: readonly string[]): Json {
  const result = Object.create(null) as Record<string, unknown>;
  const others = Object.keys(object).filter((key) => !first.includes(key));
  for (const key of [...first, ...others.sort(compareBytes)]) {
    if (Object.hasOwn(object, key) && object[key] !== undefined) result[wellFormed(key)] = object[key];
  }
  return result;
}

/** Without those of `keys` whose value Go's encoder would leave out. */
function withoutEmpty(object: Json, keys: readonly string[]): Json {
  return Object.fromEntries(Object.entries(object).filter(([key, value]) => !keys.includes(key) || !isEmpty(value)));
}

function isEmpty(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return !value;
  return Object.keys(value).length === 0;
}

function indented(document: Json): Buffer {
  return Buffer.from(JSON.stringify(document, wellFormedStrings, 2), "utf8");
}

function compact(document: Json): Buffer {
  return Buffer.from(JSON.stringify(document, wellFormedStrings), "utf8");
}

function wellFormedStrings(_key: string, value: unknown): unknown {
  return typeof value === "string" ? wellFormed(value) : value;
}

/** Half a surrogate pair cannot be written in UTF-8, and no strict reader takes its escape. */
function wellFormed(text: string): string {
  return /[\ud800-\udfff]/.test(text) ? Buffer.from(text, "utf8").toString("utf8") : text;
}
