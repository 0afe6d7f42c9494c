import { describe, expect, it } from "vitest";
import { forEachLimited } from "../../src/util/for-each-limited.js";

describe("forEachLimited", () => {
  it("starts items in order and never more than the limit at once", async () => {
    const started: number[] = [];
    let running = 0;
    let most = 0;
    await forEachLimited([1, 2, 3, 4, 5], 2, {}, async (item) => {
      started.push(item);
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
    });
    expect(started).toEqual([1, 2, 3, 4, 5]);
    expect(most).toBe(2);
  });

  it("throws the first reason after all have ended, starts no more, and aborts those under way", async () => {
    const ended: number[] = [];
    const failure = new Error("first");
    const run = forEachLimited([1, 2, 3], 2, {}, async (item, { signal }) => {
      if (item === 1) throw failure;
      await new Promise<void>((resolve) => signal?.addEventListener("abort", () => resolve()));
      ended.push(item);
      throw new Error("second");
    });
    await expect(run).rejects.toBe(failure);
    expect(ended).toEqual([2]);
  });

  it("rejects with the caller's reason when the caller aborts", async () => {
    const abort = new AbortController();
    const reason = new Error("stop");
    const run = forEachLimited([1, 2, 3], 1, abort, async () => abort.abort(reason));
    await expect(run).rejects.toBe(reason);
  });

  it("does nothing for no items", async () => {
    await forEachLimited([], 4, {}, async () => {
      throw new Error("never");
    });
  });
});
