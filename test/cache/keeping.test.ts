import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type ItemKind, takeInventory } from "../../src/cache/keeping/inventory.js";
import { StoreUse } from "../../src/cache/keeping/store-use.js";
import { openStore, type Store } from "../../src/cache/store.js";
import { type DiffId, digestOf } from "../../src/oci/digest.js";
import type { Descriptor } from "../../src/oci/types.js";
import { tempFolder } from "../support/temp-folder.js";

const HOUR_MS = 3_600_000;

async function writeTar(store: Store, text: string, bytes: number): Promise<DiffId> {
  const content = Buffer.alloc(bytes, text);
  const diffId = digestOf(content) as string as DiffId;
  const file = store.layers.createTar();
  for (let at = 0; at < bytes; at += 65_536) file.write(content.subarray(at, at + 65_536));
  await store.layers.publishTar(file, diffId);
  return diffId;
}

async function writeImage(store: Store, text: string, tag?: string): Promise<readonly Descriptor[]> {
  const put = async (bytes: Buffer, mediaType: string): Promise<Descriptor> => {
    const blob = { mediaType, digest: digestOf(bytes), size: bytes.length };
    await store.blobs.write(blob, [bytes]);
    return blob;
  };
  const layer = await put(Buffer.alloc(50_000, text), "application/vnd.oci.image.layer.v1.tar");
  const config = await put(Buffer.from(JSON.stringify({ text })), "application/vnd.oci.image.config.v1+json");
  const document = { schemaVersion: 2, config, layers: [layer] };
  const manifest = await put(Buffer.from(JSON.stringify(document)), "application/vnd.oci.image.manifest.v1+json");
  if (tag === undefined) await store.images.add(manifest);
  else await store.images.tag(tag, manifest);
  return [manifest, config, layer];
}

/** A store with one of everything, used two hours ago by a process that is gone. */
async function filledStore(): Promise<{
  readonly root: string;
  readonly image: readonly Descriptor[];
  tars: DiffId[];
}> {
  const root = join(tempFolder(), "store");
  const store = await openStore(root);
  const image = await writeImage(store, "image", "app:1");
  const tars = [await writeTar(store, "a", 400_000), await writeTar(store, "b", 300_000)];
  const lonely = Buffer.from("blob that no image has");
  await store.blobs.write({ mediaType: "", digest: digestOf(lonely), size: lonely.length }, [lonely]);
  store.layers.writeIndex(tars[0]!, Buffer.alloc(5000));
  store.steps.put({ kind: "copy", platform: "", projection: {}, parent: null, inputs: [] }, { diffId: tars[0]! });
  store.stats.save("e".repeat(64), Buffer.alloc(9000));
  for (const path of [
    ["fetched", "v1", "f".repeat(64)],
    ["git", "v1", "1".repeat(40), "objects", "pack"],
    ["logs", "v1", "20261121T114003Z-build-2-6f1d09a2.log"],
    ["executors", "overlay", "layers", "all", "a".repeat(64), "fs", "bin", "sh"],
    ["executors", "overlay", "caches", "all", "c".repeat(64), "0", "files", "kept"],
    ["future", "v9", "thing"],
  ]) {
    mkdirSync(join(root, ...path.slice(0, -1)), { recursive: true });
    writeFileSync(join(root, ...path), Buffer.alloc(20_000));
  }
  store.close();
  for (const name of readdirSync(root, { recursive: true, encoding: "utf8" })) {
    const time = Date.now() / 1000 - (2 * HOUR_MS) / 1000;
    utimesSync(join(root, name), time, time);
  }
  return { root, image, tars };
}

const onDisk = (root: string): number =>
  Number(execFileSync("du", ["-s", "--block-size=1", root], { encoding: "utf8" }).split("\t")[0]);
const kindsIn = (root: string): ItemKind[] => [...new Set(takeInventory(root).items.map(({ kind }) => kind))].sort();

describe("what a store takes", () => {
  test("is what the disk says, to the byte", async () => {
    const { root } = await filledStore();
    const { items, totalBytes } = takeInventory(root);
    expect(totalBytes).toBe(onDisk(root));
    expect(items.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)).toBe(totalBytes);
    expect(kindsIn(root)).toEqual(
      [
        "blob",
        "cache-mount",
        "context",
        "download",
        "git",
        "image",
        "layer",
        "log",
        "other",
        "record",
        "unpacked",
      ].sort(),
    );
    expect(items.filter(({ kind }) => kind === "image")).toHaveLength(3);
  });

  test("counts files with several names once, and links for themselves", async () => {
    const { root } = await filledStore();
    const dir = join(root, "executors", "overlay", "layers", "all", "b".repeat(64), "fs");
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, "one"), Buffer.alloc(100_000));
    execFileSync("ln", [join(dir, "one"), join(dir, "two")]);
    symlinkSync("/", join(dir, "root"));
    mkdirSync(Buffer.concat([Buffer.from(`${dir}/`), Buffer.from([0xff, 0xfe])]));
    expect(takeInventory(root).totalBytes).toBe(onDisk(root));
  });
});

test("unpacked layers and cache mounts that were not used since are not looked through again", async () => {
  const { root } = await filledStore();
  const known = new Map<string, number>();
  const before = takeInventory(root, known).totalBytes;
  const unpacked = join(root, "executors", "overlay", "layers", "all", "a".repeat(64));
  const mount = join(root, "executors", "overlay", "caches", "all", "c".repeat(64));
  for (const dir of [join(unpacked, "fs", "bin"), join(mount, "0", "files")]) {
    writeFileSync(join(dir, "more"), Buffer.alloc(50_000));
  }
  expect(takeInventory(root, known).totalBytes).toBe(before);
  writeFileSync(join(mount, "used"), "1");
  expect(takeInventory(root, known).totalBytes).toBeGreaterThan(before + 50_000);
  expect(takeInventory(root).totalBytes).toBe(onDisk(root));
});

describe("pruning", () => {
  test("removes all that can be made again, and nothing else", async () => {
    const { root, image } = await filledStore();
    const store = await openStore(root);
    const before = onDisk(root);
    const { freedBytes, leftBytes } = store.prune();
    store.close();
    expect(kindsIn(root)).toEqual(["cache-mount", "image", "other"]);
    expect(image.every((blob) => store.blobs.isPresent(blob))).toBe(true);
    // K13: what another version keeps is not touched.
    expect(existsSync(join(root, "future", "v9", "thing"))).toBe(true);
    expect(leftBytes).toBe(before - freedBytes);
    expect(Math.abs(onDisk(root) - leftBytes)).toBeLessThan(20_000);
    expect(readdirSync(join(root, "tmp"))).toEqual([]);
  });

  test("begins with what was used least recently, and stops at its limit", async () => {
    const { root, tars } = await filledStore();
    const store = await openStore(root);
    // The older of the two is used once more.
    utimesSync(store.layers.tarPath(tars[1]!), 1, 1);
    const before = takeInventory(root).totalBytes;
    store.prune({ kinds: ["layer"], maxUsedBytes: before - 100_000 });
    expect(tars.map((diffId) => existsSync(store.layers.tarPath(diffId)))).toEqual([true, false]);
    store.prune({ kinds: ["layer"], reservedBytes: 1 });
    expect(tars.map((diffId) => existsSync(store.layers.tarPath(diffId)))).toEqual([false, false]);
  });

  test("leaves what was used a short time ago, when told so", async () => {
    const { root, tars } = await filledStore();
    const store = await openStore(root);
    const now = Date.now() / 1000;
    utimesSync(store.layers.tarPath(tars[0]!), now - 60, now - 60);
    expect(store.prune({ unusedForMs: HOUR_MS, kinds: ["layer"] }).removed).toHaveLength(1);
    expect(existsSync(store.layers.tarPath(tars[0]!))).toBe(true);
  });

  test("K7: leaves what a running build uses, whatever its age", async () => {
    const { root, tars, image } = await filledStore();
    const builder = await openStore(root);
    expect(builder.layers.hasTar(tars[0]!)).toBe(true);
    expect(builder.blobs.isPresent(image[2]!)).toBe(true);
    await builder.images.untag("app:1");
    const pruner = await openStore(root);
    const { inUseBytes } = pruner.prune();
    expect(inUseBytes).toBeGreaterThan(400_000);
    expect(existsSync(builder.layers.tarPath(tars[0]!))).toBe(true);
    expect(existsSync(builder.layers.tarPath(tars[1]!))).toBe(false);
    builder.close();
    pruner.prune();
    expect(existsSync(builder.layers.tarPath(tars[0]!))).toBe(false);
  });

  test("K7: does not wait for builders that are dead", async () => {
    const { root, tars } = await filledStore();
    const builder = await openStore(root);
    builder.layers.hasTar(tars[0]!);
    const boot = readdirSync(join(root, "leases"))[0]!.split("-").slice(2).join("-");
    builder.close();
    writeFileSync(join(root, "leases", `999999999-1-${boot}`), "");
    utimesSync(join(root, "leases", `999999999-1-${boot}`), 1, 1);
    const pruner = await openStore(root);
    pruner.prune();
    pruner.close();
    expect(existsSync(builder.layers.tarPath(tars[0]!))).toBe(false);
    expect(readdirSync(join(root, "leases"))).toEqual([]);
  });

  test("keeps every blob when the list of images cannot be read", async () => {
    const { root, image } = await filledStore();
    writeFileSync(join(root, "images", "index.json"), "{");
    const store = await openStore(root);
    store.prune();
    expect(image.every((blob) => store.blobs.isPresent(blob))).toBe(true);
  });
});

describe("K8: a clock that jumps", () => {
  /** Whether something of that age is in use, as somebody else sees it. */
  function inUse(leaseAgeMs: number, itemAgeMs: number): boolean {
    const dir = join(tempFolder(), "leases");
    const other = new StoreUse(dir, true);
    other.begin();
    other.touch("/nonexistent");
    const lease = join(dir, readdirSync(dir)[0]!);
    const start = Date.now() - leaseAgeMs;
    utimesSync(lease, start / 1000, start / 1000);
    const result = new StoreUse(dir, true).inUse()(Date.now() - itemAgeMs);
    other.end();
    return result;
  }

  test("forwards and back again keeps nothing for ever", () => {
    expect(inUse(1000, -10 * 365 * 24 * HOUR_MS)).toBe(false);
  });
  test("does not take away what a build uses that began while it was wrong", () => {
    expect(inUse(-10 * 365 * 24 * HOUR_MS, -10 * 365 * 24 * HOUR_MS - 1000)).toBe(true);
  });
  test("by less than a file system's grain means nothing", () => {
    expect(inUse(1000, 1900)).toBe(true);
    expect(inUse(1000, HOUR_MS)).toBe(false);
  });
  test("a process counts on from when it began, whatever the clock says", async () => {
    const store = await openStore(join(tempFolder(), "store"));
    const realNow = Date.now;
    try {
      store.use.begin();
      Date.now = () => realNow() + 10 * 365 * 24 * HOUR_MS;
      expect(Math.abs(store.use.nowMs()! - realNow())).toBeLessThan(5000);
    } finally {
      Date.now = realNow;
      store.close();
    }
  });
});

describe("a limit", () => {
  const LIMIT = 4_000_000;

  test("is kept: what was used least recently goes before more is written", async () => {
    const root = join(tempFolder(), "store");
    for (let round = 0; round < 30; round++) {
      const store = await openStore(root, { limitBytes: LIMIT });
      await writeTar(store, `tar ${round}`, 500_000);
      expect(onDisk(root)).toBeLessThan(LIMIT);
      store.close();
      // What was made a moment ago counts as in use for two seconds, by the grain of clocks.
      for (const name of readdirSync(join(root, "layers", "v1"))) {
        const time = Date.now() / 1000 - 100 + round;
        const path = join(root, "layers", "v1", name);
        if (round > 0) utimesSync(path, time, time);
      }
    }
    expect(readdirSync(join(root, "layers", "v1")).filter((name) => name.endsWith(".tar")).length).toBeGreaterThan(1);
  });

  test("that is all in use is an error before anything is written over it, and nothing is left of the file", async () => {
    const root = join(tempFolder(), "store");
    const store = await openStore(root, { limitBytes: LIMIT });
    let failure: unknown;
    for (let round = 0; round < 30 && failure === undefined; round++) {
      await writeTar(store, `tar ${round}`, 500_000).catch((error: unknown) => {
        failure = error;
      });
      expect(onDisk(root)).toBeLessThan(LIMIT);
    }
    expect(failure).toMatchObject({ code: "STORE_FULL", details: { limitBytes: LIMIT } });
    expect(readdirSync(join(root, "tmp"))).toEqual([]);
  });

  test("holds for several that write at once", async () => {
    const root = join(tempFolder(), "store");
    const stores = await Promise.all(Array.from({ length: 8 }, () => openStore(root, { limitBytes: 3 * LIMIT })));
    const tries = stores.map(async (store, at) => {
      for (let round = 0; round < 6; round++) {
        await writeTar(store, `${at} ${round}`, 500_000).catch(() => undefined);
        expect(onDisk(root)).toBeLessThan(3 * LIMIT);
      }
    });
    await Promise.all(tries);
  });
});

test("K4: a store that cannot be written to has no lease and loses nothing", async () => {
  const dir = join(tempFolder(), "leases");
  const use = new StoreUse(dir, false);
  use.begin();
  use.touch(dir);
  expect(use.nowMs()).toBeUndefined();
  expect(existsSync(dir)).toBe(false);
  use.end();
});
