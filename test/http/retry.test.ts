import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OcibuildError } from "../../src/errors.js";
import { DEFAULT_RETRY, parseRetryAfterMs, retryDelayMs, withRetry } from "../../src/http/retry.js";
import { SharedWork } from "../../src/util/shared-work.js";
import { FastClock } from "../support/registry.js";

function failure(retryable: boolean, retryAfterMs?: number): OcibuildError {
  return new OcibuildError("REGISTRY_REQUEST", "failed", {
    details: { method: "GET", url: "x", retryable, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
  });
}

describe("withRetry", () => {
  test("R5: gives up after the last try with the last error, and has waited longer each time", async () => {
    const clock = new FastClock();
    let tries = 0;
    const tried = withRetry(DEFAULT_RETRY, clock, undefined, async () => {
      tries++;
      throw failure(true);
    });
    await expect(tried).rejects.toMatchObject({ code: "REGISTRY_REQUEST" });
    expect(tries).toBe(DEFAULT_RETRY.attempts);
    expect(clock.sleeps).toEqual([225, 450, 900]);
  });

  test("R5: does not repeat what cannot pass or was aborted", async () => {
    const clock = new FastClock();
    await expect(withRetry(DEFAULT_RETRY, clock, undefined, () => Promise.reject(failure(false)))).rejects.toThrow();
    await expect(withRetry(DEFAULT_RETRY, clock, undefined, () => Promise.reject(new Error("x")))).rejects.toThrow("x");
    const aborted = AbortSignal.abort(new Error("enough"));
    await expect(withRetry(DEFAULT_RETRY, clock, aborted, async () => 1)).rejects.toThrow("enough");
    expect(clock.sleeps).toEqual([]);
  });

  test("R5: every delay is positive and bounded, whatever chance and the server say", () => {
    const clock = new FastClock();
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.integer({ min: 2, max: 40 }),
        fc.option(fc.nat()),
        (random, attempt, after) => {
          clock.random = () => random;
          const delay = retryDelayMs(DEFAULT_RETRY, clock, attempt, failure(true, after ?? undefined));
          expect(delay).toBeGreaterThanOrEqual(DEFAULT_RETRY.baseDelayMs / 2);
          expect(delay).toBeLessThanOrEqual(DEFAULT_RETRY.maxRetryAfterMs);
        },
      ),
    );
  });
});

describe("parseRetryAfterMs", () => {
  const date = "Sat, 21 Nov 2026 05:00:00 GMT";
  test.each([
    ["5", undefined, 5_000],
    ["0", undefined, 0],
    ["Sat, 21 Nov 2026 05:01:00 GMT", date, 60_000],
    ["Sat, 21 Nov 2026 04:00:00 GMT", date, 0],
    ["Sat, 21 Nov 2026 05:01:00 GMT", undefined, undefined],
    ["soon", date, undefined],
    ["-1", undefined, undefined],
    ["99999999999999999999", undefined, undefined],
    [undefined, date, undefined],
  ])("R5: reads %j at %j as %j", (value, at, expected) => {
    expect(parseRetryAfterMs(value, at)).toBe(expected);
  });
});

describe("SharedWork", () => {
  test("is done once for all who wait, and one that gives up does not end it", async () => {
    const work = new SharedWork<number>();
    let made = 0;
    const slow = (): Promise<number> => new Promise((resolve) => setTimeout(() => resolve(++made), 20));
    const abort = new AbortController();
    const leaving = work.get("a", abort.signal, slow);
    const staying = work.get("a", undefined, slow);
    abort.abort(new Error("enough"));
    await expect(leaving).rejects.toThrow("enough");
    expect(await staying).toBe(1);
    expect(await work.get("a", undefined, slow)).toBe(1);
  });

  test("is done again after a failure, and when it is outdated", async () => {
    const work = new SharedWork<number>();
    await expect(work.get("a", undefined, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await work.get("a", undefined, async () => 1)).toBe(1);
    await work.refresh("a", (value) => value !== 1);
    expect(await work.get("a", undefined, async () => 2)).toBe(1);
    await work.refresh("a", (value) => value === 1);
    expect(await work.get("a", undefined, async () => 2)).toBe(2);
  });
});
