import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { JournalStage } from "../../src/cache/build-journals.js";
import { type CacheKey, contextId, type ShapeKey } from "../../src/cache/key.js";
import { openStore, type Store } from "../../src/cache/store.js";
import type { DiffId } from "../../src/oci/digest.js";
import { tempFolder } from "../support/temp-folder.js";

const PROJECT = contextId("/home/me/app");

function run(stage: string, key: string, platform = "linux/amd64"): JournalStage {
  const base = { kind: "scratch", name: "scratch", digest: null, chain: null };
  const step = { kind: "copy", title: "COPY . /", shape: "s" as ShapeKey, key: key as CacheKey, diffId: "d" as DiffId };
  return { stage, platform, base, steps: [step] };
}

const newStore = (): Promise<Store> => openStore(join(tempFolder(), "store"));
const fileOf = ({ root }: Store): string => join(root, "builds", "v1", PROJECT);

describe("the journal of a project", () => {
  test("has the newest run first, each run once, and nothing of other projects", async () => {
    const store = await newStore();
    const { journals } = store;
    expect(journals.load(PROJECT)).toEqual([]);
    journals.add(PROJECT, [run("a", "1"), run("b", "1")]);
    journals.add(PROJECT, [run("a", "2")]);
    journals.add(PROJECT, [run("a", "1")]);
    expect((await openStore(store.root)).journals.load(PROJECT)).toEqual([run("a", "1"), run("a", "2"), run("b", "1")]);
    expect(journals.load(contextId("/home/me/other"))).toEqual([]);
  });

  test("keeps eight runs of each stage and platform, and no stage without steps", async () => {
    const { journals } = await newStore();
    for (let at = 0; at < 12; at++) journals.add(PROJECT, [run("a", `${at}`), { ...run("e", "1"), steps: [] }]);
    journals.add(PROJECT, [run("a", "0", "linux/arm64")]);
    const keys = journals.load(PROJECT).map(({ platform, steps }) => `${platform} ${steps[0]!.key}`);
    expect(keys).toEqual(["linux/arm64 0", ...[11, 10, 9, 8, 7, 6, 5, 4].map((key) => `linux/amd64 ${key}`)]);
  });

  test("is not written when a build did what the last one did", async () => {
    const store = await newStore();
    store.journals.add(PROJECT, [run("a", "1"), run("b", "1")]);
    const before = statSync(fileOf(store), { bigint: true });
    store.journals.add(PROJECT, [run("a", "1"), run("b", "1")]);
    expect(statSync(fileOf(store), { bigint: true }).ino).toBe(before.ino);
  });

  test("S3, K5: is empty when any byte of it is wrong, and is made anew", async () => {
    const store = await newStore();
    store.journals.add(PROJECT, [run("a", "1")]);
    const good = readFileSync(fileOf(store));
    for (let at = 0; at < good.length; at += 5) {
      const flipped = Buffer.from(good);
      flipped[at]! ^= 1;
      writeFileSync(fileOf(store), flipped);
      expect([at, store.journals.load(PROJECT)]).toEqual([at, []]);
    }
    store.journals.add(PROJECT, [run("a", "2")]);
    expect(store.journals.load(PROJECT)).toEqual([run("a", "2")]);
  });

  test("an id that is no id names no file", async () => {
    const { journals, root } = await newStore();
    journals.add("../../escape", [run("a", "1")]);
    expect(journals.load("../../escape")).toEqual([]);
    expect(readdirSync(root)).toEqual(["CACHEDIR.TAG"]);
  });

  test("K4: that cannot be written is a warning", async () => {
    const warnings: string[] = [];
    const { journals, root } = await openStore(join(tempFolder(), "store"), {
      onWarning: (text) => warnings.push(text),
    });
    writeFileSync(join(root, "builds"), "in the way");
    journals.add(PROJECT, [run("a", "1")]);
    expect(warnings).toEqual([expect.stringContaining("could not be written")]);
  });
});
