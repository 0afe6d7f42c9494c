import { untilAborted } from "./until-aborted.js";

/** Work that several callers wait for: made once, kept when it succeeds, and not ended by one of them giving up. */
export class SharedWork<T> {
  readonly #known = new Map<string, Promise<T>>();

  /**
   * The result under `key`, from `make` when it is not there or has failed before. An abort of `signal` ends the
   * waiting with its reason, not the work.
   */
  get(key: string, signal: AbortSignal | undefined, make: () => Promise<T>): Promise<T> {
    let work = this.#known.get(key);
    if (work === undefined) {
      const started = make();
      work = started;
      this.#known.set(key, started);
      started.catch(() => this.#forget(key, started));
    }
    return untilAborted(work, signal);
  }

  /** What was made, and not forgotten; waits for work under way. */
  async all(): Promise<readonly T[]> {
    const results = await Promise.allSettled(this.#known.values());
    return results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  }

  /** Lets the next caller make the result under `key` anew when it is outdated. Waits for work under way. */
  async refresh(key: string, isOutdated: (result: T) => boolean): Promise<void> {
    const work = this.#known.get(key);
    if (work === undefined) return;
    const result = await work.catch(() => undefined);
    if (result === undefined || isOutdated(result)) this.#forget(key, work);
  }

  #forget(key: string, work: Promise<T>): void {
    if (this.#known.get(key) === work) this.#known.delete(key);
  }
}
