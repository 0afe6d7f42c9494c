/** Repeats what may be repeated: bounded, with exponential backoff and jitter, and as late as the server asks. */
import { isOcibuildError } from "../errors.js";
import type { Clock } from "./clock.js";

export interface RetryPolicy {
  /** Tries in all, the first included. */
  readonly attempts: number;
  /** Delay before the second try; doubles with each further one. */
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
  /** The longest that a `Retry-After` is honoured. */
  readonly maxRetryAfterMs: number;
}

export const DEFAULT_RETRY: RetryPolicy = {
  attempts: 4,
  baseDelayMs: 300,
  maxDelayMs: 10_000,
  maxRetryAfterMs: 60_000,
};

/** Whether the error says that the same request may succeed later. */
export function isRetryable(error: unknown): boolean {
  return isOcibuildError(error, "REGISTRY_REQUEST") && error.details.retryable;
}

/** How long to wait before try number `attempt` (2 is the first repetition), given how the last one failed. */
export function retryDelayMs(policy: RetryPolicy, clock: Clock, attempt: number, error: unknown): number {
  const ceiling = Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** (attempt - 2));
  const backoff = ceiling / 2 + (clock.random() * ceiling) / 2;
  const asked = isOcibuildError(error, "REGISTRY_REQUEST") ? error.details.retryAfterMs : undefined;
  return asked === undefined ? backoff : Math.max(backoff, Math.min(asked, policy.maxRetryAfterMs));
}

/** Runs `operation` until it succeeds, fails for good, or has been tried often enough; then throws its last error. */
export async function withRetry<T>(
  policy: RetryPolicy,
  clock: Clock,
  signal: AbortSignal | undefined,
  operation: (attempt: number) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await operation(attempt);
    } catch (error) {
      signal?.throwIfAborted();
      if (attempt >= policy.attempts || !isRetryable(error)) throw error;
      await clock.sleep(retryDelayMs(policy, clock, attempt + 1, error), signal);
    }
  }
}

/**
 * Reads `Retry-After` in seconds or as a date. A date counts from the reply's own `Date`, so that a wrong clock on
 * either side does not matter; without one it is ignored. @spec RFC 9110 §10.2.3
 */
export function parseRetryAfterMs(value: string | undefined, date: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const until = Date.parse(value);
  const from = date === undefined ? Number.NaN : Date.parse(date);
  return Number.isNaN(until) || Number.isNaN(from) ? undefined : Math.max(0, until - from);
}
