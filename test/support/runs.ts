/** How often properties are tried: a little in every run of the tests, fifty times as often with `OCIBUILD_LONG=1`. */

const FACTOR = process.env["OCIBUILD_LONG"] === "1" ? 50 : 1;

/** `count`, or fifty times that. */
export function runs(count: number): number {
  return count * FACTOR;
}

/** A time limit for a test that tries as often. */
export const LONG_TIMEOUT_MS: number = 60_000 * FACTOR;
