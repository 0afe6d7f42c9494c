import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CacheKey } from "../../src/cache/key.js";
import type { Clock } from "../../src/http/clock.js";
import { digestOf } from "../../src/oci/digest.js";
import { type NumberedIndex, type NumberedPlace, publishNumbered } from "../../src/shared-cache/gha-publish.js";
import type { IndexedEntry } from "../../src/shared-cache/registry-layout.js";

const entry = (key: string, text: string = key): IndexedEntry => ({
  key: digestOf(key).slice(7) as CacheKey,
  descriptor: { mediaType: "application/vnd.oci.image.manifest.v1+json", digest: digestOf(text), size: text.length },
  isComplete: true,
});

/** Time that passes when everybody waits. */
class VirtualTime implements Clock {
  #nowMs = 0;
  readonly #sleepers: { readonly untilMs: number; readonly wake: () => void }[] = [];

  monotonicMs(): number {
    return this.#nowMs;
  }

  random(): number {
    return 0.5;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((wake) => this.#sleepers.push({ untilMs: this.#nowMs + ms, wake }));
  }

  async run<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const ended = work.finally(() => {
      isDone = true;
    });
    ended.catch(() => {});
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      if (isDone) return ended;
      this.#sleepers.sort((a, b) => a.untilMs - b.untilMs);
      const next = this.#sleepers.shift();
      if (next === undefined) throw new Error("everybody waits for nobody");
      this.#nowMs = Math.max(this.#nowMs, next.untilMs);
      next.wake();
    }
  }
}

/** A service where names are taken once and states can be read when they are finished. */
class Service {
  readonly #time: VirtualTime;
  readonly #newestBy: "reserved" | "finished";
  readonly reserved: number[] = [];
  readonly finished: NumberedIndex[] = [];

  constructor(time: VirtualTime, newestBy: "reserved" | "finished" = "finished") {
    this.#time = time;
    this.#newestBy = newestBy;
  }

  get newest(): NumberedIndex {
    const order = (index: NumberedIndex): number => this.reserved.indexOf(index.number);
    const sorted =
      this.#newestBy === "finished" ? this.finished : [...this.finished].sort((a, b) => order(a) - order(b));
    return sorted.at(-1) ?? { number: 0, entries: [] };
  }

  /** How one job sees it, whose writes take so long. */
  place(writeMs: number): NumberedPlace {
    return {
      newest: async () => this.newest,
      at: async (number) => this.finished.find((index) => index.number === number),
      write: async (number, entries) => {
        if (this.reserved.includes(number)) return false;
        this.reserved.push(number);
        await this.#time.sleep(writeMs);
        this.finished.push({ number, entries });
        return true;
      },
    };
  }
}

/** A late number is finished after one that was taken later, and hides it. */
const FOUR_SLOW = [
  { startMs: 0, writeMs: 15_601, dies: false },
  { startMs: 2, writeMs: 0, dies: false },
  { startMs: 1, writeMs: 15_602, dies: false },
  { startMs: 0, writeMs: 20_103, dies: false },
];

/** The number after the slow one's was taken by a job that died. */
const DEAD_BETWEEN = [
  { startMs: 0, writeMs: 31_351, dies: false },
  { startMs: 0, writeMs: 0, dies: true },
  { startMs: 0, writeMs: 0, dies: false },
];

const keys = ({ entries }: NumberedIndex): readonly CacheKey[] => entries.map(({ key }) => key);
const EMPTY: NumberedIndex = { number: 0, entries: [] };

describe("an index of numbered states", () => {
  test("has what all jobs wrote that wrote at once, however slow they are", async () => {
    const job = fc.record({ startMs: fc.nat(30_000), writeMs: fc.nat(40_000), dies: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(
        fc.array(job, { minLength: 1, maxLength: 6 }),
        fc.constantFrom("reserved" as const, "finished" as const),
        async (jobs, newestBy) => {
          const time = new VirtualTime();
          const service = new Service(time, newestBy);
          const run = async ({ startMs, writeMs, dies }: (typeof jobs)[number], number: number): Promise<void> => {
            await time.sleep(startMs);
            const existing = service.newest;
            if (dies) return void service.reserved.push(service.reserved.length + 1);
            await publishNumbered(service.place(writeMs), existing, [entry(`job ${number}`)], time, {});
          };
          await time.run(Promise.all(jobs.map(run)));
          const there = keys(service.newest);
          for (const [number, { dies }] of jobs.entries()) {
            if (!dies) expect(there).toContain(entry(`job ${number}`).key);
          }
        },
      ),
      {
        numRuns: 1000,
        examples: [
          [FOUR_SLOW, "finished"],
          [DEAD_BETWEEN, "finished"],
        ],
      },
    );
  });

  test("is written once by a job that is alone, and asked for nothing more", async () => {
    const time = new VirtualTime();
    const service = new Service(time);
    const place = { ...service.place(10), newest: () => Promise.reject(new Error("asked")) };
    const written = await time.run(publishNumbered(place, EMPTY, [entry("a")], time, {}));
    expect(written).toEqual({ number: 1, entries: [entry("a")] });
    expect(service.finished).toEqual([written]);
  });

  test("is not written by a job whose entries somebody else has just made", async () => {
    const time = new VirtualTime();
    const service = new Service(time);
    const both = [0, 0].map((ms) => publishNumbered(service.place(ms), EMPTY, [entry("a")], time, {}));
    await time.run(Promise.all(both));
    expect(service.reserved).toEqual([1]);
  });

  test("gets what replaces an entry, also when another job is quicker", async () => {
    const time = new VirtualTime();
    const service = new Service(time);
    const old = { number: 1, entries: [entry("a", "old")] };
    service.reserved.push(1);
    service.finished.push(old);
    const other = publishNumbered(service.place(0), old, [entry("b")], time, {});
    const own = publishNumbered(service.place(0), old, [entry("a", "new")], time, {});
    await time.run(Promise.all([other, own]));
    expect(service.newest.entries).toEqual([entry("a", "new"), entry("b")]);
  });

  test("passes over the number of a job that died with it", async () => {
    const time = new VirtualTime();
    const service = new Service(time);
    service.reserved.push(1);
    await time.run(publishNumbered(service.place(10), EMPTY, [entry("a")], time, {}));
    expect(service.finished).toEqual([{ number: 2, entries: [entry("a")] }]);
    expect(time.monotonicMs()).toBeGreaterThanOrEqual(15_000);
  });

  test("is waited for until the caller gives up", async () => {
    const time = new VirtualTime();
    const place: NumberedPlace = {
      newest: (options) => {
        options.signal?.throwIfAborted();
        return Promise.resolve(EMPTY);
      },
      at: async () => undefined,
      write: async () => false,
    };
    const abort = new AbortController();
    const publishing = publishNumbered(place, EMPTY, [entry("a")], time, { signal: abort.signal });
    const aborting = time.sleep(60_000).then(() => abort.abort(new Error("deadline")));
    await expect(time.run(Promise.all([publishing, aborting]))).rejects.toThrow("deadline");
  });
});
