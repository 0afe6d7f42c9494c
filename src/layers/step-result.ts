/** What running a step gives. */
import type { CacheKey } from "../cache/key.js";
import type { DiffId } from "../oci/digest.js";

/** What a step made. */
export interface StepLayer {
  readonly diffId: DiffId;
  /** When the step first ran, seconds since 1970. */
  readonly createdSeconds: number;
  readonly isCached: boolean;
}

/** With the key under which it is remembered. */
export interface KeyedLayer extends StepLayer {
  readonly key: CacheKey;
}
