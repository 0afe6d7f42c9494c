/** What running a step gives. */
import type { CacheKey } from "../cache/key.js";
import type { DiffId } from "../oci/digest.js";
import type { EntryResult } from "../shared-cache/entry.js";

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
  readonly inputs: readonly string[];
  /** What a shared cache said of it, when it is from there. */
  readonly imported?: EntryResult;
}
