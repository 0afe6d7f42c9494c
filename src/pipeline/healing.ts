/** A store is a cache: what turns out to be damaged in it is made again, and the build never notices (S3, K5). */
import type { Store } from "../cache/store.js";
import { type ErrorCode, isOcibuildError } from "../errors.js";

/** Each attempt finds and removes at least one damaged thing, but a dying disk could go on for ever. */
const MAX_ATTEMPTS = 8;
const LOSSES: ReadonlySet<ErrorCode> = new Set(["BLOB_NOT_FOUND", "BLOB_DIGEST_MISMATCH", "BLOB_SIZE_MISMATCH"]);

/**
 * What `attempt` gives. It is made again when it failed because of something in the store that was damaged, and that
 * is gone now: then it is a miss, and what it was made of is still there.
 * @param mayRepeat whether nothing was given out yet that cannot be taken back
 */
export async function healing<T>(store: Store, attempt: () => Promise<T>, mayRepeat: () => boolean): Promise<T> {
  for (let number = 1; ; number++) {
    const { lostCount } = store;
    try {
      return await attempt();
    } catch (error) {
      const isLoss = isOcibuildError(error) && LOSSES.has(error.code) && store.lostCount > lostCount;
      if (!isLoss || number >= MAX_ATTEMPTS || !mayRepeat()) throw error;
    }
  }
}
