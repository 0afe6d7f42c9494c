/**
 * What `build()` takes. Everything has a default but the context; nothing is read from the environment except what is
 * said here. Shapes are checked in `options-schema.ts`, which only callers that may be wrong (users' code) go through.
 */
import type { Readable } from "node:stream";
import type { Compression } from "./compression/compression.js";
import type { ContextSource } from "./context/context-source.js";
import type { OnEvent } from "./events.js";
import type { OutputSpec } from "./output/parse-output-spec.js";
import type { CacheOptions } from "./pipeline/cache-options.js";
import type { RunOptions } from "./pipeline/run-options.js";
import type { SecretInput } from "./pipeline/secrets.js";

/** A named context: `--build-context NAME=…`. */
export type NamedContextInput =
  /** A folder, an archive, files in memory. */
  | ContextSource
  /**
   * `docker-image://REF`, a folder's path, the URL of a repository or of a file, or an image in a file:
   * `oci-layout://DIR`, `oci-archive://FILE`, `docker-archive://FILE`, each with `[:TAG][@DIGEST]`.
   */
  | string;

export interface BuildOptions extends RunOptions, CacheOptions {
  /** A folder's path, the URL of a repository, archive or Dockerfile, or one of `dir()`, `memory()`, `tar()`, `git()`… */
  readonly context: string | ContextSource;
  /**
   * Path or URL of the Dockerfile, or `-` for standard input; `Dockerfile` in the context unless given. For a folder
   * relative to `cwd`, for other contexts a path in the context.
   */
  readonly file?: string;
  /** The Dockerfile's text itself, instead of `file`. */
  readonly dockerfile?: string;
  /** Stage to build; the last one unless given. */
  readonly target?: string;
  readonly buildArgs?: Readonly<Record<string, string>>;
  readonly buildContexts?: Readonly<Record<string, NamedContextInput>>;
  /**
   * By id, for `RUN --mount=type=secret`. `GIT_AUTH_TOKEN`, `GIT_AUTH_HEADER` (also with `.HOST`), `HTTP_AUTH_TOKEN_HOST` and `HTTP_AUTH_HEADER_HOST` are
   * used for git and http sources.
   */
  readonly secrets?: Readonly<Record<string, SecretInput>>;
  /** `os/arch[/variant]`; this machine's with os `linux` unless given. Several give an image index. */
  readonly platforms?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  /** Of the manifests, and with several platforms of the index as the key says: `index:key`, `manifest:key`. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** `[host/]name[:tag]`. */
  readonly tags?: readonly string[];
  /** As `--output` takes them, or from `ociArchive()`, `registry()` and the like; the local store unless given. */
  readonly outputs?: readonly (string | OutputSpec)[];
  /** Push to the registries of `tags`. */
  readonly push?: boolean;
  /** Take no result of an earlier build: for all stages, or for those named. */
  readonly noCache?: boolean | readonly string[];
  /** Tell with `cache-miss` events why steps are not in the cache. Costs time for steps that are not, none for others. */
  readonly explain?: boolean;
  /** Fail with CACHE_MISS at the first step that is not in the cache. */
  readonly requireCache?: boolean;
  /**
   * Permission bits of files in build contexts: `keep`s them unless given; `git` takes 0755 for what its owner may execute
   * and for folders, 0644 for other files, so that checkouts with different umasks are equal.
   */
  readonly contextModes?: "keep" | "git";
  /** Ask the registry for base images even when the store knows them. */
  readonly pull?: boolean;
  /** Of layers that this build makes; `gzip` level 4 unless given. */
  readonly compression?: Compression;
  /** Times of new files, layers, history and config are a function of the input: see `sourceDateEpoch`. */
  readonly reproducible?: boolean;
  /** Seconds since 1970. With `reproducible` 315532800, or the time of the context's git commit, unless given. */
  readonly sourceDateEpoch?: number;
  /** Folder of the store; `$OCIBUILD_ROOT` or `$XDG_DATA_HOME/ocibuild` unless given. */
  readonly root?: string;
  /**
   * Bytes of everything in the store: before more is written, what was used least recently goes; images, cache mounts and
   * what running builds use stay, and when that is too much the build fails. `$OCIBUILD_STORE_LIMIT`, unless given; else 60 %
   * of the file system and at most 100 GB, beyond which only what can go goes, and nothing fails.
   */
  readonly storeLimit?: number;
  /** `HOST=URL`: where images of a registry are looked for first. */
  readonly registryMirrors?: readonly string[];
  /** `HOST[:PORT]`: plain HTTP is allowed, certificates are not checked. */
  readonly insecureRegistries?: readonly string[];
  /** Folder of docker's `config.json` with credentials; `$DOCKER_CONFIG` or `~/.docker` unless given. */
  readonly dockerConfigDir?: string;
  /** What relative paths are relative to; the process's folder unless given. */
  readonly cwd?: string;
  /** Where a context or Dockerfile `-` is read from; the process's unless given. */
  readonly stdin?: Readable;
  /** Where an output `-` goes; the process's unless given. */
  readonly stdout?: NodeJS.WritableStream;
  readonly onEvent?: OnEvent;
  readonly signal?: AbortSignal;
}
