/**
 * The values of `--cache-to` and `--cache-from`: `type=…,attribute=…` with the attributes of BuildKit's caches, or the bare
 * reference of a registry. What is known but cannot be done is refused by name, and so is what nobody knows.
 */
import type { Compression } from "../compression/compression.js";
import { CacheWords } from "./cache-words.js";

/** Where records and layers of earlier builds are looked for. */
export type CacheSource = CachePlace & MountsSpec;

type CachePlace =
  /** A cache that `--cache-to type=registry` made, or an image with an inline cache; `ref` is a full name. */
  | { readonly type: "registry"; readonly ref: string }
  /** A folder, as written. */
  | { readonly type: "local"; readonly src: string }
  | ({ readonly type: "s3" } & S3Spec)
  | ({ readonly type: "gha" } & GhaSpec);

/** What of cache mounts travels. */
interface MountsSpec {
  /** Most bytes of what is in one cache mount, as a tar; none travels unless given. */
  readonly mountsLimitBytes?: number;
}

/** A cache in a bucket of S3 or of a service that speaks its protocol. What is left out, the environment may say. */
export interface S3Spec {
  /** `AWS_REGION` unless given. */
  readonly region?: string;
  /** `AWS_BUCKET` unless given. */
  readonly bucket?: string;
  /** Put before all names of objects; empty unless given. */
  readonly prefix?: string;
  /** Put before names of layers, after `prefix`; `blobs/` unless given. */
  readonly blobsPrefix?: string;
  /** Put before names of entries, after `prefix`; `manifests/` unless given. */
  readonly manifestsPrefix?: string;
  /** `buildkit` unless given. */
  readonly name?: string;
  /** Origin of the service. `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL` unless given, else Amazon's for the region. */
  readonly endpointUrl?: string;
  /** `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, unless key and secret are given. */
  readonly accessKeyId?: string;
  readonly secretAccessKey?: string;
  readonly sessionToken?: string;
  /** The bucket is part of the path, not of the host. */
  readonly usePathStyle?: boolean;
}

/** A cache in the cache service of GitHub Actions. What is left out, the variables of the job may say. */
export interface GhaSpec {
  /** One of several caches of a repository; `buildkit` unless given. */
  readonly scope?: string;
  /** Of the service's first version: `ACTIONS_CACHE_URL`, else `ACTIONS_RESULTS_URL`, unless given. */
  readonly url?: string;
  /** Of its second version: `ACTIONS_RESULTS_URL` where `ACTIONS_CACHE_SERVICE_V2` is true, unless given. */
  readonly urlV2?: string;
  /** `ACTIONS_RUNTIME_TOKEN` unless given. */
  readonly token?: string;
  /** Of the service; told from its URL unless given. */
  readonly version?: 1 | 2;
}

/** `min`: layers of the image; `max`: layers of all stages. Records are kept of all of them. */
export type CacheMode = "min" | "max";

interface TargetOptions extends MountsSpec {
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
  | ({ readonly type: "s3" } & S3Spec & TargetOptions)
  | ({ readonly type: "gha" } & GhaSpec & TargetOptions)
  | { readonly type: "inline" };

/** As BuildKit's cache of GitHub has it. */
const DEFAULT_TIMEOUT_MS = 10 * 60 * 1000;
/** Of a cache mount; what package managers of one project keep is mostly less. */
const DEFAULT_MOUNTS_LIMIT_BYTES = 2 * 1024 ** 3;
const MOUNTS = ["mounts", "mounts-limit"];
const COMMON_TARGET = ["mode", "ignore-error", "timeout"];
const LAYERS = ["compression", "compression-level", "force-compression", "oci-mediatypes", "image-manifest"];
const S3 = [
  "region",
  "bucket",
  "prefix",
  "blobs_prefix",
  "manifests_prefix",
  "name",
  "endpoint_url",
  "access_key_id",
  "secret_access_key",
  "session_token",
  "use_path_style",
];
const GHA = ["scope", "url", "url_v2", "token", "version"];
const TARGET_KEYS: Readonly<Record<CacheTarget["type"], readonly string[]>> = {
  registry: [...COMMON_TARGET, ...LAYERS, "ref", "registry.insecure"],
  local: [...COMMON_TARGET, ...LAYERS, "dest"],
  inline: ["mode", "ignore-error"],
  s3: [...COMMON_TARGET, ...LAYERS, ...S3],
  gha: [...COMMON_TARGET, ...LAYERS, ...GHA],
};
const SOURCE_KEYS: Readonly<Record<CacheSource["type"], readonly string[]>> = {
  registry: ["ref", "registry.insecure"],
  local: ["src"],
  s3: S3,
  gha: GHA,
};
/** @throws OPTIONS_INVALID, OPTIONS_UNKNOWN_KEY, OPTIONS_UNSUPPORTED, REFERENCE_INVALID */
export function parseCacheTo(text: string): CacheTarget {
  const words = new CacheWords("--cache-to", text);
  const type = words.type(["registry", "local", "inline", "s3", "gha"]);
  words.refuseOthers(type, [...TARGET_KEYS[type], ...MOUNTS]);
  const mode = words.oneOf("mode", ["min", "max"]) ?? "min";
  const mounts = mountsSpec(words);
  if (type === "inline") {
    if (mounts.mountsLimitBytes !== undefined) {
      throw words.unsupported("mounts=true", "An image holds its own layers only: use type=registry for cache mounts.");
    }
    if (mode === "min") return { type };
    throw words.unsupported("mode=max", "An image holds its own layers only: use type=registry for all stages.");
  }
  const compression = words.compression();
  const options: TargetOptions = {
    mode,
    ...(compression === undefined ? {} : { compression }),
    forceCompression: words.boolean("force-compression") ?? false,
    timeoutMs: words.timeoutMs() ?? DEFAULT_TIMEOUT_MS,
    ...mounts,
  };
  if (type === "registry") return { type, ref: words.reference(), ...options };
  if (type === "s3") return { type, ...s3Spec(words), ...options };
  if (type === "gha") return { type, ...ghaSpec(words), ...options };
  return { type, dest: words.needed("dest", "a folder"), ...options };
}

/** @throws OPTIONS_INVALID, OPTIONS_UNKNOWN_KEY, OPTIONS_UNSUPPORTED, REFERENCE_INVALID */
export function parseCacheFrom(text: string): CacheSource {
  const words = new CacheWords("--cache-from", text);
  const type = words.type(["registry", "local", "s3", "gha"], ["inline", "Name the image: type=registry,ref=IMAGE."]);
  words.refuseOthers(type, [...SOURCE_KEYS[type], ...MOUNTS]);
  const mounts = mountsSpec(words);
  if (type === "registry") return { type, ref: words.reference(), ...mounts };
  if (type === "s3") return { type, ...s3Spec(words), ...mounts };
  if (type === "gha") return { type, ...ghaSpec(words), ...mounts };
  return { type, src: words.needed("src", "a folder"), ...mounts };
}

function mountsSpec(words: CacheWords): MountsSpec {
  const limitBytes = words.bytes("mounts-limit");
  if (words.boolean("mounts") === true) return { mountsLimitBytes: limitBytes ?? DEFAULT_MOUNTS_LIMIT_BYTES };
  if (limitBytes === undefined) return {};
  throw words.unsupported(
    "mounts-limit",
    "It says how much of a cache mount travels, which none does without mounts=true.",
  );
}

function s3Spec(words: CacheWords): S3Spec {
  const spec = {
    region: words.text("region"),
    bucket: words.text("bucket"),
    prefix: words.text("prefix"),
    blobsPrefix: words.text("blobs_prefix"),
    manifestsPrefix: words.text("manifests_prefix"),
    name: words.text("name"),
    endpointUrl: words.text("endpoint_url"),
    accessKeyId: words.text("access_key_id"),
    secretAccessKey: words.text("secret_access_key"),
    sessionToken: words.text("session_token"),
    usePathStyle: words.boolean("use_path_style"),
  };
  if (spec.name?.includes(";") === true) {
    throw words.unsupported(`name=${spec.name}`, "Give the option once for each name.");
  }
  return given(spec);
}

function ghaSpec(words: CacheWords): GhaSpec {
  const version = words.oneOf("version", ["1", "2"]);
  return given({
    scope: words.text("scope"),
    url: words.text("url"),
    urlV2: words.text("url_v2"),
    token: words.text("token"),
    version: version === undefined ? undefined : version === "1" ? 1 : 2,
  });
}

function given<T extends object>(spec: T): { readonly [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== undefined)) as Partial<T> as never;
}
