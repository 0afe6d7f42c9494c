/**
 * The value of `--output`: `DIR`, `FILE.tar`, `-`, or `type=…,attribute=…` with the attributes of BuildKit's exporters.
 *
 * What is known but cannot be done is refused by name, and so is what nobody knows: an attribute that is ignored would
 * make another image than the one asked for.
 */
import { parseCsv } from "../dockerfile/csv.js";
import { OcibuildError } from "../errors.js";
import type { LayerCompression } from "../oci/media-types.js";
import { parsePlatform } from "../oci/platform.js";
import { formatReference, parseReference } from "../oci/reference.js";
import type { Platform } from "../oci/types.js";

/** `annotation[-SCOPE][[PLATFORM]].KEY=VALUE`. */
export interface OutputAnnotation {
  readonly scope: "manifest" | "manifest-descriptor" | "index" | "index-descriptor";
  readonly platform?: Platform;
  readonly key: string;
  readonly value: string;
}

/** What all outputs that make an image understand. Absent means: as the build's own options say. */
export interface ImageAttributes {
  /** Full names, in the order given. */
  readonly names: readonly string[];
  readonly compression?: LayerCompression;
  readonly compressionLevel?: number;
  readonly forceCompression?: boolean;
  readonly rewriteTimestamp?: boolean;
  readonly ociMediaTypes?: boolean;
  /** Seconds since 1970. */
  readonly sourceDateEpoch?: number;
  readonly annotations: readonly OutputAnnotation[];
}

/** `dest` is a path as written, or `-` for standard output. */
export type OutputSpec =
  | { readonly type: "oci"; readonly dest?: string; readonly tar: boolean; readonly image: ImageAttributes }
  | { readonly type: "docker"; readonly dest?: string; readonly image: ImageAttributes }
  | {
      readonly type: "image";
      readonly push: boolean;
      readonly pushByDigest: boolean;
      readonly insecure: boolean;
      readonly image: ImageAttributes;
    }
  | {
      readonly type: "local";
      readonly dest: string;
      readonly platformSplit?: boolean;
      readonly sourceDateEpoch?: number;
    }
  | { readonly type: "tar"; readonly dest: string; readonly platformSplit?: boolean; readonly sourceDateEpoch?: number }
  | { readonly type: "cacheonly" };

const TYPES = ["oci", "docker", "image", "registry", "local", "tar", "cacheonly"] as const;
type OutputType = (typeof TYPES)[number];

const IMAGE_ATTRIBUTES = [
  "name",
  "compression",
  "compression-level",
  "force-compression",
  "rewrite-timestamp",
  "oci-mediatypes",
  "source-date-epoch",
];
const ROOTFS_ATTRIBUTES = ["dest", "platform-split", "source-date-epoch"];

const KNOWN: Record<OutputType, readonly string[]> = {
  oci: [...IMAGE_ATTRIBUTES, "dest", "tar"],
  docker: [...IMAGE_ATTRIBUTES, "dest", "tar"],
  image: [...IMAGE_ATTRIBUTES, "push", "push-by-digest", "registry.insecure"],
  registry: [...IMAGE_ATTRIBUTES, "push", "push-by-digest", "registry.insecure"],
  local: ROOTFS_ATTRIBUTES,
  tar: ROOTFS_ATTRIBUTES,
  cacheonly: [],
};

/** Attributes of BuildKit and buildx that mean nothing here unless they are set to this value. */
const UNSUPPORTED: ReadonlyMap<string, string> = new Map([
  ["unpack", "false"],
  ["store", "true"],
  ["name-canonical", "false"],
  ["dangling-name-prefix", ""],
  ["danging-name-empty-only", "false"],
  ["oci-artifact", "false"],
  ["attestation-inline", "false"],
  ["attestation-prefix", ""],
  ["prefer-nondist-layers", "false"],
  ["context", ""],
  ["mode", "copy"],
  ["buildinfo", "false"],
  ["buildinfo-attrs", "false"],
]);

const ANNOTATION = /^annotation(?:-([a-z-]+))?(?:\[([A-Za-z0-9_/-]+)\])?\.(\S+)$/;
const SCOPES: ReadonlySet<string> = new Set(["manifest", "manifest-descriptor", "index", "index-descriptor"]);

/**
 * Reads one `--output` value.
 * @throws OPTIONS_INVALID, OPTIONS_UNKNOWN_KEY, OPTIONS_UNSUPPORTED
 */
export function parseOutputSpec(text: string): OutputSpec {
  const fields = parseCsv(text);
  if (!Array.isArray(fields))
    throw invalid(text, `expected comma-separated attributes: ${(fields as { problem: string }).problem}`);
  const [only] = fields;
  if (fields.length === 1 && only === text && !text.startsWith("type=")) {
    if (text === "-" || text.endsWith(".tar")) return { type: "tar", dest: text };
    return { type: "local", dest: text };
  }
  return new Attributes(text, fields).toSpec();
}

class Attributes {
  readonly #text: string;
  readonly #values = new Map<string, string>();
  readonly #annotations: OutputAnnotation[] = [];

  constructor(text: string, fields: readonly string[]) {
    this.#text = text;
    for (const field of fields) {
      const equals = field.indexOf("=");
      if (equals === -1) throw invalid(text, `expected "attribute=value" but got "${field}"`);
      const written = field.slice(0, equals).trim();
      const value = field.slice(equals + 1);
      const annotation = ANNOTATION.exec(written);
      if (annotation !== null) this.#annotations.push(this.#annotation(annotation, value));
      else this.#values.set(written.toLowerCase(), value);
    }
  }

  toSpec(): OutputSpec {
    const type = this.#type();
    this.#refuseOthers(type);
    const dest = this.#values.get("dest");
    switch (type) {
      case "oci":
        return { type, ...this.#optional("dest", dest), tar: this.#boolean("tar") ?? true, image: this.#image() };
      case "docker":
        if (this.#boolean("tar") === false)
          throw unsupported(this.#text, "tar=false", "Use type=oci,tar=false for a folder.");
        return { type, ...this.#optional("dest", dest), image: this.#image() };
      case "image":
      case "registry":
        return {
          type: "image",
          push: this.#boolean("push") ?? type === "registry",
          pushByDigest: this.#boolean("push-by-digest") ?? false,
          insecure: this.#boolean("registry.insecure") ?? false,
          image: this.#image(),
        };
      case "local":
      case "tar":
        if (dest === undefined || dest === "") {
          throw invalid(
            this.#text,
            `type=${type} expected dest but got none`,
            `Add dest=${type === "tar" ? "rootfs.tar" : "out"}.`,
          );
        }
        if (type === "local" && dest === "-")
          throw invalid(this.#text, "type=local cannot be written to standard output", "Use type=tar.");
        return {
          type,
          dest,
          ...this.#optional("platformSplit", this.#boolean("platform-split")),
          ...this.#optional(
            "sourceDateEpoch",
            this.#integer("source-date-epoch", -8_640_000_000_000, 8_640_000_000_000),
          ),
        };
      case "cacheonly":
        return { type };
      default:
        return type satisfies never;
    }
  }

  #type(): OutputType {
    const type = this.#values.get("type");
    if (type === undefined || type === "")
      throw invalid(this.#text, "expected a type but got none", `Add type=${TYPES.join("|")}.`);
    const known = TYPES.find((name) => name === type);
    if (known === undefined) throw invalid(this.#text, `expected type ${TYPES.join(", ")} but got "${type}"`);
    this.#values.delete("type");
    return known;
  }

  #refuseOthers(type: OutputType): void {
    const known = KNOWN[type];
    for (const [key, value] of this.#values) {
      if (known.includes(key)) continue;
      const harmless = UNSUPPORTED.get(key);
      if (harmless === undefined) throw unknown(this.#text, type, key, known);
      if (value !== harmless) throw unsupported(this.#text, `${key}=${value}`);
    }
    if (this.#annotations.length > 0 && !known.includes("name")) {
      throw invalid(this.#text, `type=${type} makes no image that could have annotations`);
    }
  }

  #image(): ImageAttributes {
    const compression = this.#compression();
    const ociMediaTypes = this.#boolean("oci-mediatypes");
    const levels = compression === "zstd" ? 22 : 9;
    return {
      names: this.#names(),
      ...this.#optional("compression", compression),
      ...this.#optional("compressionLevel", this.#integer("compression-level", 0, levels)),
      ...this.#optional("forceCompression", this.#boolean("force-compression")),
      ...this.#optional("rewriteTimestamp", this.#boolean("rewrite-timestamp")),
      ...this.#optional("ociMediaTypes", ociMediaTypes),
      ...this.#optional("sourceDateEpoch", this.#integer("source-date-epoch", -8_640_000_000_000, 8_640_000_000_000)),
      annotations: this.#annotations,
    };
  }

  #names(): readonly string[] {
    const text = this.#values.get("name");
    if (text === undefined || text === "") return [];
    return text.split(",").map((name) => {
      const reference = parseReference(name);
      if (reference.digest !== undefined) throw invalid(this.#text, `name "${name}" expected a tag but got a digest`);
      return formatReference(reference);
    });
  }

  #compression(): LayerCompression | undefined {
    const value = this.#values.get("compression");
    if (value === undefined || value === "gzip" || value === "zstd" || value === "uncompressed") return value;
    if (value === "estargz") throw unsupported(this.#text, "compression=estargz", "Use gzip or zstd.");
    throw invalid(this.#text, `compression expected gzip, zstd or uncompressed but got "${value}"`);
  }

  /** As Go reads a boolean; an empty value means true. */
  #boolean(key: string): boolean | undefined {
    const value = this.#values.get(key);
    if (value === undefined) return undefined;
    if (/^(?:|1|t|T|TRUE|true|True)$/.test(value)) return true;
    if (/^(?:0|f|F|FALSE|false|False)$/.test(value)) return false;
    throw invalid(this.#text, `${key} expected true or false but got "${value}"`);
  }

  #integer(key: string, least: number, most: number): number | undefined {
    const value = this.#values.get(key);
    if (value === undefined || value === "") return undefined;
    const number = /^-?[0-9]{1,15}$/.test(value) ? Number(value) : Number.NaN;
    if (number >= least && number <= most) return number;
    throw invalid(this.#text, `${key} expected a whole number from ${least} to ${most} but got "${value}"`);
  }

  #annotation(match: RegExpExecArray, value: string): OutputAnnotation {
    const [, scope = "manifest", platform, key = ""] = match;
    if (!SCOPES.has(scope)) {
      throw invalid(this.#text, `annotation-${scope} expected one of ${[...SCOPES].join(", ")}`);
    }
    return {
      scope: scope as OutputAnnotation["scope"],
      ...(platform === undefined ? {} : { platform: parsePlatform(platform) }),
      key,
      value,
    };
  }

  #optional<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
    return (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: V };
  }
}

function option(text: string): string {
  return `--output ${text.length > 200 ? `${text.slice(0, 200)}…` : text}`;
}

function invalid(text: string, reason: string, hint?: string): OcibuildError {
  return new OcibuildError("OPTIONS_INVALID", `"${option(text)}": ${reason}`, {
    details: { option: "output" },
    ...(hint === undefined ? {} : { hint }),
  });
}

function unsupported(text: string, attribute: string, hint?: string): OcibuildError {
  return new OcibuildError("OPTIONS_UNSUPPORTED", `"${option(text)}": "${attribute}" is not supported`, {
    details: { option: `output ${attribute}` },
    ...(hint === undefined ? {} : { hint }),
  });
}

function unknown(text: string, type: string, key: string, known: readonly string[]): OcibuildError {
  return new OcibuildError("OPTIONS_UNKNOWN_KEY", `"${option(text)}": attribute "${key}" is unknown for type=${type}`, {
    details: { option: `output ${key}` },
    hint: known.length === 0 ? `type=${type} takes no attributes.` : `Expected one of ${known.join(", ")}.`,
  });
}
