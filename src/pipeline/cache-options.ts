/** The options of a build about caches beside its store. */
import type { CacheSource, CacheTarget } from "../shared-cache/cache-spec.js";

/** The options of a build that are about caches beside its store. */
export interface CacheOptions {
  /** Asked in this order for what the store does not know: as `--cache-from` takes them. */
  readonly cacheFrom?: readonly (string | CacheSource)[];
  /** Written when everything else is done: as `--cache-to` takes them. A failure is a warning. */
  readonly cacheTo?: readonly (string | CacheTarget)[];
}
