/** Waits for `value` if it is a promise; no longer than until `signal`, whose reason it then throws. */
export function untilAborted(value: unknown, signal: AbortSignal): Promise<void> | undefined {
  if (!(value instanceof Promise)) return undefined;
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    value.then(() => resolve(), reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
