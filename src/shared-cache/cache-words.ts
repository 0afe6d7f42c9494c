/** One value of `--cache-to` or `--cache-from`, taken apart; errors show it without what may be a secret. */
import { type Compression, DEFAULT_GZIP_LEVEL, DEFAULT_ZSTD_LEVEL } from "../compression/compression.js";
import { parseCsv } from "../dockerfile/csv.js";
import { parseDuration } from "../dockerfile/duration.js";
import { parseSize } from "../dockerfile/size.js";
import { OcibuildError } from "../errors.js";
import { formatReference, parseReference } from "../oci/reference.js";

/** Timers take no more. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** Types that BuildKit has and this version has not. */
const UNSUPPORTED_TYPES: readonly string[] = ["azblob"];
/** Attributes that mean nothing here unless they say what happens anyway. */
const FIXED: ReadonlyMap<string, readonly [value: boolean, hint: string]> = new Map([
  ["ignore-error", [true, "A failed export is always a warning and never fails a build; leave it out."]],
  ["oci-mediatypes", [true, "A cache is always of OCI's media types; leave it out."]],
  ["image-manifest", [true, "Every entry of a cache is an image manifest; leave it out."]],
  ["registry.insecure", [false, "Name the host with --insecure-registry HOST."]],
]);
/** Attributes of BuildKit's caches that mean nothing to ours. */
const UNSUPPORTED_KEYS: ReadonlyMap<string, string> = new Map([
  ["tag", "Name another folder for another cache."],
  ["digest", "Name another folder for another cache."],
  ["touch_refresh", "Layers are not written again to look new: let the bucket keep them, or expire all of the cache."],
  ["upload_parallelism", "Four entries are written at a time."],
  ["disable_accept_encoding", "That header is never part of the signature."],
  ["repository", "What the cache has is asked of the cache itself; leave it out."],
  ["ghtoken", "What the cache has is asked of the cache itself; leave it out."],
  ["timeout", "It is for --cache-to: what cannot be read soon is given up anyway."],
  ["retry_mode", "Requests that may succeed later are tried four times."],
  ["retry_max_attempts", "Requests that may succeed later are tried four times."],
]);

/** What a credential is given with, also when the word is misspelt or the value has a comma. */
const SECRET = /_key|key_|secret|token|passw|credential|:\/\/[^,]*@/i;

export class CacheWords {
  readonly #option: string;
  readonly #shown: string;
  readonly #isSecret: boolean;
  readonly #values = new Map<string, string>();

  constructor(option: string, text: string) {
    this.#option = option;
    this.#isSecret = SECRET.test(text);
    this.#shown = this.#isSecret ? withoutSecrets(text) : text;
    const fields = parseCsv(text);
    if (!Array.isArray(fields)) throw this.#invalid(`cannot be read: ${(fields as { problem: string }).problem}`);
    if (fields.length === 1 && !fields[0]!.includes("=")) {
      this.#values.set("type", "registry").set("ref", fields[0]!);
      return;
    }
    for (const field of fields) {
      const equals = field.indexOf("=");
      if (equals === -1) throw this.#invalid(`expected "attribute=value" but got "${this.#isSecret ? "…" : field}"`);
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
      // A value with a comma is cut in pieces, which look like attributes.
      const shownKey = this.#isSecret && !SECRET.test(key) ? "…" : key;
      throw new OcibuildError(
        "OPTIONS_UNKNOWN_KEY",
        `"${this.#option} ${this.#shown}": attribute "${shownKey}" is unknown for type=${type}`,
        { details: { option: `${this.#option} ${shownKey}` }, hint: `Expected one of ${known.join(", ")}.` },
      );
    }
    for (const [key, [value, hint]] of FIXED) {
      const given = this.boolean(key);
      if (given !== undefined && given !== value) throw this.unsupported(`${key}=${given}`, hint);
    }
  }

  /** An attribute that may be missing. An empty one is an error: what CI has no value for should not become the usual. */
  text(key: string): string | undefined {
    const value = this.#values.get(key);
    if (value === "" && !key.endsWith("prefix")) throw this.#invalid(`expected ${key} to have a value but got none`);
    return value;
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

  bytes(key: string): number | undefined {
    const text = this.#values.get(key);
    if (text === undefined) return undefined;
    const bytes = parseSize(text);
    if (bytes !== undefined && bytes > 0) return bytes;
    throw this.#invalid(`expected ${key} to be a size but got "${text}"`, `For example ${key}=500MB.`);
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
    return new OcibuildError("OPTIONS_UNSUPPORTED", `"${this.#option} ${this.#shown}": "${what}" is not supported`, {
      details: { option: `${this.#option} ${what}` },
      hint,
    });
  }

  #invalid(reason: string, hint?: string): OcibuildError {
    return new OcibuildError("OPTIONS_INVALID", `"${this.#option} ${this.#shown}" ${reason}`, {
      details: { option: this.#option },
      ...(hint === undefined ? {} : { hint }),
    });
  }
}

/** The type alone: of the rest nobody knows where a secret ends. */
function withoutSecrets(text: string): string {
  const type = /^type=[a-z0-9]{1,16}(?=,)/.exec(text)?.[0];
  return type === undefined ? "…" : `${type},…`;
}
