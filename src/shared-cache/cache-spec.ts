/**
 * The values of `--cache-to` and `--cache-from`: `type=…,attribute=…` with the attributes of BuildKit's caches, or the bare
 * reference of a registry. What is known but cannot be done is refused by name, and so is what nobody knows.
 */
import { type Compression, DEFAULT_GZIP_LEVEL, DEFAULT_ZSTD_LEVEL } from "../compression/compression.js";
import { parseCsv } from "../dockerfile/csv.js";
import { parseDuration } from "../dockerfile/duration.js";
import { OcibuildError } from "../errors.js";
import { formatReference, parseReference } from "../oci/reference.js";

/** Where records and layers of earlier builds are looked for. */
export type CacheSource =
  /** A cache that `--cache-to type=registry` made, or an image with an inline cache; `ref` is a full name. */
  | { readonly type: "registry"; readonly ref: string }
  /** A folder, as written. */
  | { readonly type: "local"; readonly src: string };

/** `min`: layers of the image; `max`: layers of all stages. Records are kept of all of them. */
export type CacheMode = "min" | "max";

interface TargetOptions {
  readonly mode: CacheMode;
  /** Of layers that are compressed for the cache alone; as the build's own unless given. */
  readonly compression?: Compression;
  /** Compress also what is there in another form. */
  readonly forceCompression: boolean;
  readonly timeoutMs: number;
}

/** Where a build leaves its records and layers. */
export type CacheTarget =
  | ({ readonly type: "registry"; readonly ref: string } & TargetOptions)
  | ({ readonly type: "local"; readonly dest: string } & TargetOptions)
  | { readonly type: "inline" };

/** As BuildKit's cache of GitHub has it. */
const DEFAULT_TIMEOUT_MS = 10 * 60 * 1000;
/** Timers take no more. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** Types that BuildKit has and this version has not. */
const UNSUPPORTED_TYPES: readonly string[] = ["s3", "gha", "azblob"];
const COMMON_TARGET = ["mode", "ignore-error", "timeout"];
const LAYERS = ["compression", "compression-level", "force-compression", "oci-mediatypes", "image-manifest"];
const TARGET_KEYS: Readonly<Record<CacheTarget["type"], readonly string[]>> = {
  registry: [...COMMON_TARGET, ...LAYERS, "ref", "registry.insecure"],
  local: [...COMMON_TARGET, ...LAYERS, "dest"],
  inline: ["mode", "ignore-error"],
};
const SOURCE_KEYS: Readonly<Record<CacheSource["type"], readonly string[]>> = {
  registry: ["ref", "registry.insecure"],
  local: ["src"],
};
/** Attributes that mean nothing here unless they say what happens anyway. */
const FIXED: ReadonlyMap<string, readonly [value: boolean, hint: string]> = new Map([
  ["ignore-error", [true, "A failed export is always a warning and never fails a build; leave it out."]],
  ["oci-mediatypes", [true, "A cache is always of OCI's media types; leave it out."]],
  ["image-manifest", [true, "Every entry of a cache is an image manifest; leave it out."]],
  ["registry.insecure", [false, "Name the host with --insecure-registry HOST."]],
]);
/** Attributes of BuildKit's local cache, whose folder holds versions; ours holds entries. */
const UNSUPPORTED_KEYS: ReadonlyMap<string, string> = new Map([
  ["tag", "Name another folder for another cache."],
  ["digest", "Name another folder for another cache."],
]);

/** @throws OPTIONS_INVALID, OPTIONS_UNKNOWN_KEY, OPTIONS_UNSUPPORTED, REFERENCE_INVALID */
export function parseCacheTo(text: string): CacheTarget {
  const words = new Words("--cache-to", text);
  const type = words.type(["registry", "local", "inline"]);
  words.refuseOthers(type, TARGET_KEYS[type]);
  const mode = words.oneOf("mode", ["min", "max"]) ?? "min";
  if (type === "inline") {
    if (mode === "min") return { type };
    throw words.unsupported("mode=max", "An image holds its own layers only: use type=registry for all stages.");
  }
  const compression = words.compression();
  const options: TargetOptions = {
    mode,
    ...(compression === undefined ? {} : { compression }),
    forceCompression: words.boolean("force-compression") ?? false,
    timeoutMs: words.timeoutMs() ?? DEFAULT_TIMEOUT_MS,
  };
  if (type === "registry") return { type, ref: words.reference(), ...options };
  return { type, dest: words.needed("dest", "a folder"), ...options };
}

/** @throws OPTIONS_INVALID, OPTIONS_UNKNOWN_KEY, OPTIONS_UNSUPPORTED, REFERENCE_INVALID */
export function parseCacheFrom(text: string): CacheSource {
  const words = new Words("--cache-from", text);
  const type = words.type(["registry", "local"], ["inline", "Name the image: type=registry,ref=IMAGE."]);
  words.refuseOthers(type, SOURCE_KEYS[type]);
  if (type === "registry") return { type, ref: words.reference() };
  return { type, src: words.needed("src", "a folder") };
}

/** One value of an option, taken apart. */
class Words {
  readonly #option: string;
  readonly #text: string;
  readonly #values = new Map<string, string>();

  constructor(option: string, text: string) {
    this.#option = option;
    this.#text = text;
    const fields = parseCsv(text);
    if (!Array.isArray(fields)) throw this.#invalid(`cannot be read: ${(fields as { problem: string }).problem}`);
    if (fields.length === 1 && !fields[0]!.includes("=")) {
      this.#values.set("type", "registry").set("ref", fields[0]!);
      return;
    }
    for (const field of fields) {
      const equals = field.indexOf("=");
      if (equals === -1) throw this.#invalid(`expected "attribute=value" but got "${field}"`);
      this.#values.set(field.slice(0, equals).trim().toLowerCase(), field.slice(equals + 1));
    }
  }

  type<T extends string>(known: readonly T[], refused?: readonly [type: string, hint: string]): T {
    const type = this.#values.get("type");
    const expected = `Expected one of ${known.join(", ")}.`;
    if (type === undefined) throw this.#invalid("names no type", expected);
    if (known.includes(type as T)) return type as T;
    if (type === refused?.[0]) throw this.unsupported(`type=${type}`, refused[1]);
    if (UNSUPPORTED_TYPES.includes(type)) throw this.unsupported(`type=${type}`, expected);
    throw this.#invalid(`has the unknown type "${type}"`, expected);
  }

  refuseOthers(type: string, known: readonly string[]): void {
    for (const key of this.#values.keys()) {
      if (key === "type" || known.includes(key)) continue;
      const hint = UNSUPPORTED_KEYS.get(key);
      if (hint !== undefined) throw this.unsupported(key, hint);
      throw new OcibuildError(
        "OPTIONS_UNKNOWN_KEY",
        `"${this.#option} ${this.#text}": attribute "${key}" is unknown for type=${type}`,
        { details: { option: `${this.#option} ${key}` }, hint: `Expected one of ${known.join(", ")}.` },
      );
    }
    for (const [key, [value, hint]] of FIXED) {
      const given = this.boolean(key);
      if (given !== undefined && given !== value) throw this.unsupported(`${key}=${given}`, hint);
    }
  }

  needed(key: string, what: string): string {
    const value = this.#values.get(key) ?? "";
    if (value === "") throw this.#invalid(`expected ${key} to be ${what} but got none`);
    return value;
  }

  /** A full name with a tag. */
  reference(): string {
    const reference = parseReference(this.needed("ref", "a reference"));
    if (reference.digest === undefined) return formatReference(reference);
    throw this.#invalid("expected a reference with a tag but got one with a digest");
  }

  oneOf<T extends string>(key: string, values: readonly T[]): T | undefined {
    const value = this.#values.get(key);
    if (value === undefined || values.includes(value as T)) return value as T | undefined;
    throw this.#invalid(`expected ${key} to be ${values.join(" or ")} but got "${value}"`);
  }

  boolean(key: string): boolean | undefined {
    const value = this.oneOf(key, ["true", "false", "1", "0"]);
    return value === undefined ? undefined : value === "true" || value === "1";
  }

  timeoutMs(): number | undefined {
    const text = this.#values.get("timeout");
    if (text === undefined) return undefined;
    const nanoseconds = parseDuration(text);
    if (typeof nanoseconds === "number" && nanoseconds > 0) return Math.min(nanoseconds / 1e6, MAX_TIMEOUT_MS);
    throw this.#invalid(`expected timeout to be a duration but got "${text}"`, "For example timeout=5m.");
  }

  compression(): Compression | undefined {
    if (this.#values.get("compression") === "estargz")
      throw this.unsupported("compression=estargz", "Use gzip or zstd.");
    const kind = this.oneOf("compression", ["gzip", "zstd", "uncompressed"]);
    const levelText = this.#values.get("compression-level");
    if (kind === "uncompressed") {
      if (levelText === undefined) return { kind };
      throw this.#invalid("compression-level means nothing with compression=uncompressed");
    }
    if (kind === undefined && levelText === undefined) return undefined;
    const used = kind ?? "gzip";
    const [least, most, usual] = used === "gzip" ? [0, 9, DEFAULT_GZIP_LEVEL] : [1, 22, DEFAULT_ZSTD_LEVEL];
    const level = levelText === undefined ? usual : /^[0-9]{1,2}$/.test(levelText) ? Number(levelText) : -1;
    if (level >= least && level <= most) return { kind: used, level };
    throw this.#invalid(`expected compression-level from ${least} to ${most} but got "${levelText}"`);
  }

  unsupported(what: string, hint: string): OcibuildError {
    return new OcibuildError("OPTIONS_UNSUPPORTED", `"${this.#option} ${this.#text}": "${what}" is not supported`, {
      details: { option: `${this.#option} ${what}` },
      hint,
    });
  }

  #invalid(reason: string, hint?: string): OcibuildError {
    return new OcibuildError("OPTIONS_INVALID", `"${this.#option} ${this.#text}" ${reason}`, {
      details: { option: this.#option },
      ...(hint === undefined ? {} : { hint }),
    });
  }
}
