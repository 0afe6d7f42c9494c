/** Finds what the user may have meant: the nearest name within two edits, as BuildKit suggests it. */

/** Names further away than this are no help. */
const MOST_EDITS = 2;

/** The nearest of `names`, the first of equals; `undefined` when none is within `most` edits or one is equal. */
export function nearestName(value: string, names: Iterable<string>, most: number = MOST_EDITS): string | undefined {
  let nearest: string | undefined;
  let best = most + 1;
  for (const name of names) {
    if (name === value) return undefined;
    const edits = editDistance(value, name, best);
    if (edits < best) {
      nearest = name;
      best = edits;
    }
  }
  return nearest;
}

/** ` (did you mean X?)` for the nearest of `names`, else nothing. */
export function didYouMean(value: string, names: Iterable<string>): string {
  const nearest = nearestName(value, names);
  return nearest === undefined ? "" : ` (did you mean ${nearest}?)`;
}

/** Insertions, deletions and substitutions from `a` to `b`; `limit` stands for all that are not below it. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return Math.min(limit, row[b.length]!);
}
