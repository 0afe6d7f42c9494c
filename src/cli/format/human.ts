/** Sizes and times for people, as docker's tables have them. */

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"] as const;

/** `0B`, `1.23kB`, `72.8MB`: three digits, powers of 1000. */
export function humanSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${Number(value.toPrecision(3))}${UNITS[unit]}`;
}

/** `Less than a second`, `About an hour`, `3 days`, `2 years`. */
export function humanDuration(seconds: number): string {
  const whole = Math.floor(seconds);
  if (whole < 1) return "Less than a second";
  if (whole === 1) return "1 second";
  if (whole < 60) return `${whole} seconds`;
  const minutes = Math.floor(seconds / 60);
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.floor(seconds / 3600 + 0.5);
  if (hours === 1) return "About an hour";
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.floor(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.floor(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`;
  return `${Math.floor(seconds / 3600 / 24 / 365)} years`;
}

/** `3 days ago`; `N/A` for no time at all. */
export function humanSince(createdSeconds: number | undefined, nowMs: number): string {
  return createdSeconds === undefined ? "N/A" : `${humanDuration(Math.max(0, nowMs / 1000 - createdSeconds))} ago`;
}

/** As Go prints a time, in UTC: `2024-01-02 03:04:05 +0000 UTC`. */
export function goTime(seconds: number | undefined): string {
  return seconds === undefined ? "N/A" : `${isoTime(seconds).slice(0, 19).replace("T", " ")} +0000 UTC`;
}

/** RFC 3339 in UTC: `2024-01-02T03:04:05Z`. */
export function isoTime(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;
}

/** The first 12 digits of an ID, without what its digits are of. */
export function shortId(id: string): string {
  return id.replace(/^sha256:/, "").slice(0, 12);
}

/** `text` in at most `length` characters, with `…` at the end where something is missing. */
export function ellipsis(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
