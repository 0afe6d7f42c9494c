/** Time and chance as retries and deadlines need them, so that tests can replace both. */
import { randomInt } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";

export interface Clock {
  /** Milliseconds from an arbitrary start; never goes back. */
  monotonicMs(): number;
  /** In [0, 1): spreads retries. */
  random(): number;
  /** Resolves after `ms`; rejects with the signal's reason when that comes first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

const RANDOM_RANGE = 2 ** 32;

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  random: () => randomInt(RANDOM_RANGE) / RANDOM_RANGE,
  async sleep(ms, signal) {
    try {
      await delay(ms, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  },
};
