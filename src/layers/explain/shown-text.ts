/** Values in lines that explain something: short, in one line, with what differs in sight. */

/** Longest value that is shown as a whole. */
const MOST = 80;
/** What is shown before the first difference of longer ones. */
const LEAD = 20;

/** `"a" → "b"`; `undefined` is "unset". */
export function shownChange(before: string | undefined, after: string | undefined): string {
  const start = before === undefined || after === undefined ? 0 : windowStart(before, after);
  return `${shownValue(before, start)} → ${shownValue(after, start)}`;
}

/** Where two texts are looked at: a little before they part, when they are too long to be shown. */
function windowStart(before: string, after: string): number {
  if (Math.max(before.length, after.length) <= MOST) return 0;
  let same = 0;
  while (same < before.length && before[same] === after[same]) same++;
  return Math.max(0, same - LEAD);
}

function shownValue(value: string | undefined, start: number): string {
  if (value === undefined) return "unset";
  const cut = `${start > 0 ? "…" : ""}${value.slice(start, start + MOST)}${start + MOST < value.length ? "…" : ""}`;
  return JSON.stringify(cut);
}

/** `1 file`, `2,000 files`. */
export function fileCount(count: number): string {
  return count === 1 ? "1 file" : `${count.toLocaleString("en-US")} files`;
}

/** A name in one line, whatever is in it. */
export function shownName(name: string): string {
  return /[\x00-\x1f\x7f]/.test(name) ? JSON.stringify(name).slice(1, -1) : name;
}
