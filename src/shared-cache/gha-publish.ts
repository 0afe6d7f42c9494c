/**
 * The index of a cache whose entries are written once: each state of it is an entry of its own, numbered from 1. A number can
 * be taken once only, so whoever takes the next one has merged with all before it, and nothing of parallel jobs is lost. A
 * job that died with a number taken is noticed: after a while its number is passed over.
 */
import type { CacheKey } from "../cache/key.js";
import type { Clock } from "../http/clock.js";
import type { Abortable } from "../oci/blobs.js";
import { type IndexedEntry, mergeEntries } from "./registry-layout.js";

export interface NumberedIndex {
  /** 0 when there is none yet. */
  readonly number: number;
  readonly entries: readonly IndexedEntry[];
}

export interface NumberedPlace {
  /** The newest that can be read; what was written a few seconds ago may not be it. */
  newest(options: Abortable): Promise<NumberedIndex>;
  /** The index of that number; `undefined` when it cannot be read. */
  at(number: number, options: Abortable): Promise<NumberedIndex | undefined>;
  /** Returns false, and writes nothing, when somebody has the number. */
  write(number: number, entries: readonly IndexedEntry[], options: Abortable): Promise<boolean>;
}

/** How long a number may be taken without an index under it. */
export const DEAD_MS = 15_000;
/** More jobs of one cache than that hardly write at once. */
const AHEAD = 8;
const FIRST_POLL_MS = 400;
const LAST_POLL_MS = 3_000;

/** How long to wait before asking once more, after so many times. */
export function pollMs(times: number, clock: Clock): number {
  return Math.min(LAST_POLL_MS, FIRST_POLL_MS * 2 ** times) * (0.5 + clock.random() / 2);
}

/** Adds `own`, newest use first, to what the index has; returns the state that holds them. */
export async function publishNumbered(
  place: NumberedPlace,
  existing: NumberedIndex,
  own: readonly IndexedEntry[],
  clock: Clock,
  options: Abortable,
): Promise<NumberedIndex> {
  let mine = own;
  let base = existing;
  let next = base.number + 1;
  let takenSinceMs: number | undefined;
  let polls = 0;
  const passed: number[] = [];
  const goOnFrom = (newer: NumberedIndex): void => {
    base = newer;
    next = newer.number + 1;
    takenSinceMs = undefined;
    polls = 0;
  };
  for (;;) {
    const startedMs = clock.monotonicMs();
    const merged = mergeEntries(mine, base.entries);
    if (await place.write(next, merged, options)) {
      const written = { number: next, entries: merged };
      const mayBePassed = clock.monotonicMs() - startedMs >= DEAD_MS / 2;
      if (!mayBePassed && passed.length === 0) return written;
      // Whoever was passed over may live after all. Either it sees the number after its own, or we see its.
      const [late, { newest, later }] = await Promise.all([
        readAll(place, passed, options),
        laterThan(place, next, options),
      ]);
      mine = mergeEntries(mine, late);
      const latest = later ?? written;
      // A late number can hide a later one that was finished before it: readers take what is newest by time.
      const isHidden = later !== undefined && newest.number < later.number;
      if (!isHidden && hasAll(latest, mine, existing)) return latest;
      goOnFrom(latest);
      continue;
    }
    takenSinceMs ??= startedMs;
    await clock.sleep(pollMs(polls++, clock), options.signal);
    const now = await place.newest(options);
    if (now.number >= next) {
      if (hasAll(now, mine, existing)) return now;
      goOnFrom(now);
    } else if (clock.monotonicMs() - takenSinceMs >= DEAD_MS) {
      passed.push(next++);
      takenSinceMs = undefined;
    }
  }
}

async function readAll(
  place: NumberedPlace,
  numbers: readonly number[],
  options: Abortable,
): Promise<readonly IndexedEntry[]> {
  const found = await Promise.all(numbers.map((number) => place.at(number, options)));
  return found.flatMap((index) => index?.entries ?? []);
}

/** The newest state by time, and that of the highest number above `number`. */
async function laterThan(
  place: NumberedPlace,
  number: number,
  options: Abortable,
): Promise<{ readonly newest: NumberedIndex; readonly later: NumberedIndex | undefined }> {
  const newest = await place.newest(options);
  const start = newest.number > number ? newest : undefined;
  return { newest, later: (await highestAbove(place, start?.number ?? number, options)) ?? start };
}

/** Looks further than one number: some were taken by jobs that died, or have not written yet. */
async function highestAbove(
  place: NumberedPlace,
  number: number,
  options: Abortable,
): Promise<NumberedIndex | undefined> {
  const numbers = Array.from({ length: AHEAD }, (_, index) => number + 1 + index);
  const found = await Promise.all(numbers.map((one) => place.at(one, options)));
  const highest = found.findLast((index) => index !== undefined);
  return highest && ((await highestAbove(place, highest.number, options)) ?? highest);
}

/** Whether `now` has all of `own`, or what somebody else made of a key since `before`. */
function hasAll(now: NumberedIndex, own: readonly IndexedEntry[], before: NumberedIndex): boolean {
  const byKey = ({ entries }: NumberedIndex): ReadonlyMap<CacheKey, IndexedEntry> =>
    new Map(entries.map((entry) => [entry.key, entry]));
  const there = byKey(now);
  const old = byKey(before);
  return own.every(({ key, descriptor, isComplete }) => {
    const entry = there.get(key);
    if (entry === undefined || (isComplete && !entry.isComplete)) return false;
    const { digest } = entry.descriptor;
    return digest === descriptor.digest || digest !== old.get(key)?.descriptor.digest;
  });
}
