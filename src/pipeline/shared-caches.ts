/**
 * `--cache-from` and `--cache-to` of a build: which caches are asked, and which are written to. Loaded only when a build names
 * one.
 */
import { resolve } from "node:path";
import type { Store } from "../cache/store.js";
import type { OnEvent } from "../events.js";
import { parseReference } from "../oci/reference.js";
import type { RegistryClient } from "../registry/client.js";
import { type CacheSource, type CacheTarget, parseCacheFrom, parseCacheTo } from "../shared-cache/cache-spec.js";
import { INLINE_KEY, inlineDocument } from "../shared-cache/inline.js";
import { openLocalCache } from "../shared-cache/local-backend.js";
import { type CacheImport, SharedCaches } from "../shared-cache/shared-caches.js";
import type { AssembleContext } from "./assemble.js";
import type { CacheOptions } from "./cache-options.js";
import { documentsIn } from "./image-sources.js";

export interface CacheSurroundings {
  readonly store: Store;
  readonly cwd: string;
  readonly client: () => Promise<RegistryClient>;
  readonly onEvent: OnEvent;
  readonly nowMs: () => number;
}

export interface PlannedCaches {
  readonly shared: SharedCaches;
  readonly targets: readonly CacheTarget[];
}

/** What a build asks for, checked. */
export interface CacheSpecs {
  readonly sources: readonly CacheSource[];
  readonly targets: readonly CacheTarget[];
}

/** @throws OPTIONS_…, REFERENCE_INVALID */
export function readCacheOptions({ cacheFrom = [], cacheTo = [] }: CacheOptions): CacheSpecs {
  return {
    sources: cacheFrom.map((source) => (typeof source === "string" ? parseCacheFrom(source) : source)),
    targets: cacheTo.map((target) => (typeof target === "string" ? parseCacheTo(target) : target)),
  };
}

export function planCaches({ sources, targets }: CacheSpecs, around: CacheSurroundings): PlannedCaches {
  const { store, onEvent, nowMs } = around;
  const imports = sources.map((source) => importOf(source, around));
  return { shared: new SharedCaches({ store, imports, onEvent, nowMs }), targets };
}

function importOf(source: CacheSource, { store, cwd, client }: CacheSurroundings): CacheImport {
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
