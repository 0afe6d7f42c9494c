/** Runs an action for many items, a few at a time. */

interface Signalled {
  readonly signal?: AbortSignal;
}

/**
 * Calls `action` for each of `items`, in order, at most `limit` at once. When one fails, or the caller aborts, no more are
 * started, those under way get an aborted signal, and the first reason is thrown once all have ended.
 */
export async function forEachLimited<T>(
  items: readonly T[],
  limit: number,
  options: Signalled,
  action: (item: T, options: Signalled) => Promise<void>,
): Promise<void> {
  const abort = new AbortController();
  const signal = options.signal === undefined ? abort.signal : AbortSignal.any([options.signal, abort.signal]);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      signal.throwIfAborted();
      try {
        await action(items[next++]!, { signal });
      } catch (error) {
        abort.abort(error);
        throw error;
      }
    }
  };
  await Promise.allSettled(Array.from({ length: Math.min(limit, items.length) }, worker));
  signal.throwIfAborted();
}
