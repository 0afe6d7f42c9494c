/** Sizes and times for people, as BuildKit prints them. */

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"] as const;

/** `31B`, `1.25kB`, `40.32MB`: powers of 1000. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 999,995 and more would be rounded to "1000.00kB".
  while (value >= (unit === 0 ? 1000 : 999.995) && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return unit === 0 ? `${value}B` : `${value.toFixed(2)}${UNITS[unit]}`;
}

/** `0.2s`, `75.0s`. */
export function formatSeconds(ms: number): string {
  return `${(Math.max(0, ms) / 1000).toFixed(1)}s`;
}
