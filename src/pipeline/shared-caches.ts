/**
 * `--cache-from` and `--cache-to` of a build: which caches are asked, and which are written to. Loaded only when a build names
 * one.
 */
import { resolve } from "node:path";
import type { Store } from "../cache/store.js";
import type { OnEvent } from "../events.js";
import { parseReference } from "../oci/reference.js";
import type { RegistryClient } from "../registry/client.js";
import {
  type CacheSource,
  type CacheTarget,
  type GhaSpec,
  parseCacheFrom,
  parseCacheTo,
  type S3Spec,
} from "../shared-cache/cache-spec.js";
import { ghaPlace, withGhaEnvironment } from "../shared-cache/gha-place.js";
import { INLINE_KEY, inlineDocument } from "../shared-cache/inline.js";
import { openLocalCache } from "../shared-cache/local-backend.js";
import { s3Place, withEnvironment } from "../shared-cache/s3-place.js";
import { type CacheImport, SharedCaches } from "../shared-cache/shared-caches.js";
import type { AssembleContext } from "./assemble.js";
import { CacheAccess } from "./cache-access.js";
import type { CacheOptions } from "./cache-options.js";
import { documentsIn } from "./image-sources.js";

export interface CacheSurroundings {
  readonly store: Store;
  readonly cwd: string;
  readonly client: () => Promise<RegistryClient>;
  readonly onEvent: OnEvent;
  readonly nowMs: () => number;
  /** Milliseconds since 1970 of the start of the build. */
  readonly startedMs: number;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface PlannedCaches extends AsyncDisposable {
  readonly shared: SharedCaches;
  readonly targets: readonly CacheTarget[];
  readonly access: CacheAccess;
}

/** What a build asks for, checked. */
export interface CacheSpecs {
  readonly sources: readonly CacheSource[];
  readonly targets: readonly CacheTarget[];
}

/** @throws OPTIONS_…, REFERENCE_INVALID */
export function readCacheOptions(
  { cacheFrom = [], cacheTo = [] }: CacheOptions,
  env: Readonly<Record<string, string | undefined>>,
): CacheSpecs {
  const completed = <T extends CacheSource | CacheTarget>(spec: T): T => {
    // A cache that nobody can find is an error before anything is done.
    if (spec.type === "s3") {
      const whole = withEnvironment<T & S3Spec>(spec, env);
      s3Place(whole);
      return whole;
    }
    if (spec.type === "gha") {
      const whole = withGhaEnvironment<T & GhaSpec>(spec, env);
      ghaPlace(whole);
      return whole;
    }
    return spec;
  };
  return {
    sources: cacheFrom.map((source) => completed(typeof source === "string" ? parseCacheFrom(source) : source)),
    targets: cacheTo.map((target) => completed(typeof target === "string" ? parseCacheTo(target) : target)),
  };
}

export function planCaches({ sources, targets }: CacheSpecs, around: CacheSurroundings): PlannedCaches {
  const { store, onEvent, nowMs, startedMs, env } = around;
  const access = new CacheAccess({ env, wallMs: () => startedMs + nowMs() });
  const imports = sources.map((source) => ({
    ...importOf(source, around, access),
    mountsLimitBytes: source.mountsLimitBytes,
  }));
  const exportsMounts = targets.some((target) => target.type !== "inline" && target.mountsLimitBytes !== undefined);
  const shared = new SharedCaches({ store, imports, exportsMounts, onEvent, nowMs });
  return { shared, targets, access, [Symbol.asyncDispose]: () => access[Symbol.asyncDispose]() };
}

function importOf(source: CacheSource, { store, cwd, client }: CacheSurroundings, access: CacheAccess): CacheImport {
  switch (source.type) {
    case "registry":
      return {
        name: `registry "${source.ref}"`,
        async open(options) {
          const { openRegistryCache } = await import("../shared-cache/registry-backend.js");
          return openRegistryCache(await client(), parseReference(source.ref), documentsIn(store), options);
        },
      };
    case "local":
      return {
        name: `folder "${source.src}"`,
        async open() {
          return openLocalCache(resolve(cwd, source.src));
        },
      };
    case "s3": {
      const place = s3Place(source);
      return {
        name: place.title,
        async open(options) {
          const { openS3Cache } = await import("../shared-cache/s3-backend.js");
          return openS3Cache(place, await access.options(), documentsIn(store), options);
        },
      };
    }
    case "gha": {
      const place = ghaPlace(source);
      return {
        name: place.title,
        async open(options) {
          const { openGhaCache } = await import("../shared-cache/gha-backend.js");
          return openGhaCache(place, await access.options(), documentsIn(store), options);
        },
      };
    }
    default:
      return source satisfies never;
  }
}

/** What goes into the configs of images for `type=inline`: the records of this build. */
export function inlineExtra({ shared, targets }: PlannedCaches): AssembleContext["configExtra"] {
  if (!targets.some(({ type }) => type === "inline")) return undefined;
  return (compression) => ({ [INLINE_KEY]: inlineDocument([...shared.used.values()], compression) });
}

export { exportCaches } from "./export-caches.js";
