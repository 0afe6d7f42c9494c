import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openStore, type Store } from "../../src/cache/store.js";
import { OcibuildError } from "../../src/errors.js";
import { healing } from "../../src/pipeline/healing.js";
import { collect, describeBlob } from "../support/blobs.js";
import { tempFolder } from "../support/temp-folder.js";

const LOSS = new OcibuildError("BLOB_DIGEST_MISMATCH", "lost", { details: { expected: "a", actual: "b" } });

/** Makes the store find a damaged blob. */
async function lose(store: Store, text: string): Promise<void> {
  const blob = describeBlob(text);
  await store.blobs.write(blob, [Buffer.from(text)]);
  writeFileSync(store.blobs.pathOf(blob.digest), "x".repeat(text.length));
  await collect(store.blobs.open(blob)).catch(() => undefined);
}

describe("healing", () => {
  async function attempts(
    fails: (number: number, store: Store) => Promise<void>,
    mayRepeat = true,
  ): Promise<[number, unknown]> {
    const store = await openStore(join(tempFolder(), "store"));
    let number = 0;
    const result = await healing(
      store,
      async () => {
        await fails(++number, store);
        return "done";
      },
      () => mayRepeat,
    ).catch((error: unknown) => error);
    return [number, result];
  }

  test("is one attempt when nothing is wrong", async () => {
    expect(await attempts(async () => {})).toEqual([1, "done"]);
  });

  test("tries again after something damaged was found and is gone", async () => {
    const failing = async (number: number, store: Store): Promise<void> => {
      if (number > 2) return;
      await lose(store, `blob ${number}`);
      throw LOSS;
    };
    expect(await attempts(failing)).toEqual([3, "done"]);
    expect(await attempts(failing, false)).toEqual([1, LOSS]);
  });

  test("does not try again when the store has lost nothing, or when the error is another one", async () => {
    expect(
      await attempts(async () => {
        throw LOSS;
      }),
    ).toEqual([1, LOSS]);
    const other = new Error("other");
    expect(
      await attempts(async (_, store) => {
        await lose(store, "blob");
        throw other;
      }),
    ).toEqual([1, other]);
  });

  test("ends with the error when the disk never stops losing", async () => {
    const [number, error] = await attempts(async (at, store) => {
      await lose(store, `blob ${at}`);
      throw LOSS;
    });
    expect(error).toBe(LOSS);
    expect(number).toBeLessThan(10);
  });
});
