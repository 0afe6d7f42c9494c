import { readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { contextId, type StepKeyParts, shapeKey, stepKey } from "../../src/cache/key.js";
import type { StepFile } from "../../src/cache/step-files.js";
import { openStore, type Store } from "../../src/cache/store.js";
import type { ByteString } from "../../src/util/bytes.js";
import { tempFolder } from "../support/temp-folder.js";

const PARTS: StepKeyParts = {
  kind: "copy",
  platform: "linux/amd64",
  projection: { destination: "/app", __proto__: null } as StepKeyParts["projection"],
  parent: `sha256:${"a".repeat(64)}`,
  inputs: [`sha256:${"b".repeat(64)}`],
};

function file(path: string, content: string): StepFile {
  const [name, mark] = [path as ByteString, content as ByteString];
  return { path: name, type: "file", mode: 0o644, uid: 0, gid: 0, content: mark, xattrs: "" as ByteString };
}

async function newStore(): Promise<Store> {
  return openStore(join(tempFolder(), "store"));
}

function recordFile(store: Store, parts: StepKeyParts, suffix = "record"): string {
  return join(store.root, "steps", "v1", shapeKey(parts), `${stepKey(parts)}.${suffix}`);
}

describe("step cache", () => {
  test("remembers a result with everything its key was made of", async () => {
    const store = await newStore();
    expect(store.steps.get(PARTS)).toBeUndefined();
    expect(store.steps.hasShape(shapeKey(PARTS))).toBe(false);
    const files = [file("a\n\u00ff.js", "1"), file("__proto__", "2")];
    const put = store.steps.put(PARTS, { diffId: null, createdMs: 5 }, [{ name: "", files }]);
    const { steps } = await openStore(store.root);
    const got = steps.get(structuredClone(PARTS));
    expect(got).toEqual(put);
    expect(got).toMatchObject({ version: 1, key: stepKey(PARTS), shapeKey: shapeKey(PARTS), parts: PARTS });
    expect(got?.result).toEqual({ diffId: null, createdMs: 5 });
    expect(steps.find(shapeKey(PARTS), stepKey(PARTS))).toEqual(put);
    expect(steps.filesOf(got!)).toEqual({ groups: [{ name: "", files }], isComplete: true });
    expect(steps.hasShape(shapeKey(PARTS))).toBe(true);
  });

  test("a later result of the same step replaces the earlier one", async () => {
    const { steps } = await newStore();
    steps.put(PARTS, 1);
    steps.put(PARTS, 2);
    expect(steps.get(PARTS)?.result).toBe(2);
  });

  test("a miss with the same shape finds what it can be compared with, newest first", async () => {
    const store = await newStore();
    for (let at = 0; at < 12; at++) {
      const parts = { ...PARTS, inputs: [`input ${at}`] };
      store.steps.put(parts, at);
      utimesSync(recordFile(store, parts), 1000 + at, 1000 + at);
    }
    store.steps.put({ ...PARTS, kind: "run" }, "other shape");
    const near = store.steps.listByShape(shapeKey(PARTS));
    expect(near.map(({ result }) => result)).toEqual([11, 10, 9, 8, 7, 6, 5, 4]);
    expect(store.steps.listByShape(shapeKey({ ...PARTS, kind: "x" }))).toEqual([]);
  });

  test("S3, K2, K5: a record that is empty, cut, torn or changed in any byte is a miss", async () => {
    const store = await newStore();
    store.steps.put(PARTS, { diffId: "sha256:x" }, [{ name: "", files: [file("a", "1")] }]);
    const record = store.steps.get(PARTS)!;
    for (const suffix of ["record", "files"]) {
      const path = recordFile(store, PARTS, suffix);
      const good = readFileSync(path);
      const isMiss = (bytes: Buffer): boolean => {
        writeFileSync(path, bytes);
        return (suffix === "record" ? store.steps.get(PARTS) : store.steps.filesOf(record)) === undefined;
      };
      for (let at = 0; at < good.length; at++) {
        const flipped = Buffer.from(good);
        flipped[at]! ^= 1;
        expect([at, isMiss(flipped)]).toEqual([at, true]);
      }
      for (let length = 0; length < good.length; length += 7) expect(isMiss(good.subarray(0, length))).toBe(true);
      expect(isMiss(Buffer.concat([good.subarray(0, -40), Buffer.alloc(40)]))).toBe(true);
      expect(isMiss(Buffer.concat([good, Buffer.from(" ")]))).toBe(true);
      expect(isMiss(good)).toBe(false);
    }
  });

  test("a whole record of another step is a miss: the file name proves nothing", async () => {
    const store = await newStore();
    const other = { ...PARTS, parent: null };
    store.steps.put(PARTS, "mine");
    store.steps.put(other, "other");
    writeFileSync(recordFile(store, PARTS), readFileSync(recordFile(store, other)));
    expect(store.steps.get(PARTS)).toBeUndefined();
    expect(store.steps.get(other)?.result).toBe("other");
  });

  test("K13: files that this version does not know are ignored and left alone", async () => {
    const store = await newStore();
    store.steps.put(PARTS, 1);
    const strange = join(store.root, "steps", "v1", shapeKey(PARTS), "notes.txt");
    writeFileSync(strange, "x");
    writeFileSync(recordFile(store, PARTS, "record2"), "x");
    expect(store.steps.listByShape(shapeKey(PARTS))).toHaveLength(1);
    expect(readFileSync(strange, "utf8")).toBe("x");
  });
});

describe("stat cache files", () => {
  test("give back the bytes of each context, aligned for views of numbers", async () => {
    const { stats, root } = await newStore();
    const id = contextId("/home/me/app");
    expect(stats.load(id)).toBeUndefined();
    const bytes = Buffer.from(new Float64Array([1.5, 2.5]).buffer);
    stats.save(id, bytes);
    const loaded = (await openStore(root)).stats.load(id)!;
    expect(loaded.equals(bytes)).toBe(true);
    expect([...new Float64Array(loaded.buffer, loaded.byteOffset, 2)]).toEqual([1.5, 2.5]);
    expect(stats.load(contextId("/home/me/other"))).toBeUndefined();
  });

  test("S3: damaged ones are missing", async () => {
    const { stats, root } = await newStore();
    const id = contextId("/app");
    stats.save(id, Buffer.from("content"));
    const path = join(root, "stat", "v1", id);
    for (const damage of ["", readFileSync(path, "utf8").slice(0, -1), "\0".repeat(135)]) {
      writeFileSync(path, damage);
      expect(stats.load(id)).toBeUndefined();
    }
    stats.save(id, Buffer.from("again"));
    expect(stats.load(id)?.toString()).toBe("again");
  });

  test("an id that is no id names no file", async () => {
    const { stats, root } = await newStore();
    stats.save("../../escape", Buffer.from("x"));
    expect(stats.load("../../escape")).toBeUndefined();
    expect(readdirSync(root)).toEqual(["CACHEDIR.TAG"]);
  });
});
