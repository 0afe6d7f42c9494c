import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openStore } from "../../src/cache/store.js";
import { type DiffId, digestOf } from "../../src/oci/digest.js";
import { collect, describeBlob } from "../support/blobs.js";
import { bundleScript, runScript } from "../support/child.js";
import { tempFolder } from "../support/temp-folder.js";

const posix = process.platform !== "win32";

describe("opening a store", () => {
  test("makes the folder and nothing in it but a tag for backup programs", async () => {
    const root = join(tempFolder(), "a", "b");
    const store = await openStore(root);
    expect(store).toMatchObject({ root, writable: true });
    expect(readdirSync(root)).toEqual(["CACHEDIR.TAG"]);
    expect(readFileSync(join(root, "CACHEDIR.TAG"), "utf8")).toMatch(/^Signature: 8a477f597d28d172789f06886806bc55\n/);
    expect(await store.images.list()).toEqual([]);
    expect(readdirSync(root)).toEqual(["CACHEDIR.TAG"]);
  });

  test("L8: a folder that others can look into is closed to them", async () => {
    if (!posix) return;
    const root = join(tempFolder(), "store");
    mkdirSync(root);
    chmodSync(root, 0o777);
    await openStore(root);
    expect(statSync(root).mode & 0o777).toBe(0o700);
  });

  test("L8: a symbolic link is refused, whatever it points to", async () => {
    if (!posix) return;
    const dir = tempFolder();
    mkdirSync(join(dir, "real"));
    for (const [name, target] of [
      ["to-folder", join(dir, "real")],
      ["to-nothing", join(dir, "none")],
    ] as const) {
      symlinkSync(target, join(dir, name));
      const opening = openStore(join(dir, name));
      await expect(opening).rejects.toMatchObject({ code: "STORE_UNUSABLE", hint: expect.stringContaining("--root") });
    }
    expect(readdirSync(join(dir, "real"))).toEqual([]);
    expect(existsSync(join(dir, "none"))).toBe(false);
  });

  test("L8: a folder of another user is refused and left alone", async () => {
    if (!posix) return;
    // An ordinary user finds a folder of root; root makes one of somebody else.
    const root = process.getuid?.() === 0 ? join(tempFolder(), "theirs") : "/usr";
    if (process.getuid?.() === 0) {
      mkdirSync(root, { mode: 0o777 });
      chownSync(root, 12_345, 12_345);
    }
    const before = readdirSync(root);
    const opening = openStore(root);
    await expect(opening).rejects.toMatchObject({
      code: "STORE_UNUSABLE",
      message: expect.stringContaining("belongs to user"),
    });
    expect(readdirSync(root)).toEqual(before);
  });

  test("a file, or a folder below one, is refused with a typed error", async () => {
    const dir = tempFolder();
    writeFileSync(join(dir, "file"), "");
    for (const root of [join(dir, "file"), join(dir, "file", "below")]) {
      await expect(openStore(root)).rejects.toMatchObject({ code: "STORE_UNUSABLE", details: { path: root } });
    }
  });

  test("K13: folders and files that this version does not know stay", async () => {
    const root = join(tempFolder(), "store");
    await openStore(root);
    const unknown = ["layers/v9/x.tar", "steps/v9/y", "future/z", "images/extra"].map((name) => join(root, name));
    for (const path of unknown) {
      mkdirSync(join(path, ".."), { recursive: true });
      writeFileSync(path, "kept");
    }
    const store = await openStore(root);
    await store.blobs.write(describeBlob("x"), [Buffer.from("x")]);
    await store.images.add(describeBlob("x"));
    for (const path of unknown) expect(readFileSync(path, "utf8")).toBe("kept");
  });
});

test("K4: a store that cannot be written to is read as usual, and says so when it is written to", async () => {
  // Root may write anywhere, so the folder for new files is blocked instead of the permission taken.
  const root = join(tempFolder(), "store");
  const first = await openStore(root);
  const blob = describeBlob("content");
  await first.blobs.write(blob, [Buffer.from("content")]);
  await first.images.tag("app:1", blob);
  first.stats.save("a".repeat(64), Buffer.from("stat"));
  const tmp = join(root, "tmp");
  const { rmSync } = await import("node:fs");
  rmSync(tmp, { recursive: true });
  writeFileSync(tmp, "");

  const warnings: string[] = [];
  const store = await openStore(root, { onWarning: (message) => warnings.push(message) });
  expect(await store.images.find("app:1")).toEqual(blob);
  expect((await collect(store.blobs.open(blob))).toString()).toBe("content");
  expect(store.stats.load("a".repeat(64))?.toString()).toBe("stat");
  await expect(store.blobs.write(describeBlob("new"), [Buffer.from("new")])).rejects.toMatchObject({
    code: "STORE_UNUSABLE",
    hint: expect.any(String),
  });
  await expect(store.images.tag("app:2", blob)).rejects.toMatchObject({ code: "STORE_UNUSABLE" });
  expect(() => store.createFile()).toThrowError(expect.objectContaining({ code: "STORE_UNUSABLE" }));
  for (let round = 0; round < 2; round++) store.stats.save("a".repeat(64), Buffer.from("new"));
  expect(warnings).toHaveLength(1);
  expect(store.stats.load("a".repeat(64))?.toString()).toBe("stat");
});

test.runIf(posix && process.getuid?.() !== 0)("K4: a folder without write permission is not writable", async () => {
  const root = join(tempFolder(), "store");
  await openStore(root);
  chmodSync(root, 0o500);
  const store = await openStore(root);
  expect(store.writable).toBe(false);
  await expect(store.blobs.write(describeBlob("x"), [Buffer.from("x")])).rejects.toMatchObject({
    code: "STORE_UNUSABLE",
  });
  chmodSync(root, 0o700);
});

test("K10: writing blobs, layers and step records, as an imported cache does, sets no tag and changes none", async () => {
  const store = await openStore(join(tempFolder(), "store"));
  const mine = describeBlob("mine");
  await store.blobs.write(mine, [Buffer.from("mine")]);
  await store.images.tag("app:1", mine);
  const before = readFileSync(join(store.root, "images", "index.json"));

  const annotations = { "org.opencontainers.image.ref.name": "app:1", "io.containerd.image.name": "app:1" };
  const imported = { ...describeBlob("imported"), annotations };
  await store.blobs.write(imported, [Buffer.from("imported")]);
  store.layers.rememberCompressed(digestOf("tar") as string as DiffId, "gzip", imported);
  store.steps.put({ kind: "copy", platform: "", projection: "app:1", parent: null, inputs: [] }, "app:1");
  expect(before.equals(readFileSync(join(store.root, "images", "index.json")))).toBe(true);

  await store.images.add(imported);
  expect(await store.images.find("app:1")).toEqual(mine);
  expect(await store.images.list()).toContainEqual({ reference: undefined, descriptor: describeBlob("imported") });
});

describe("K1: killed at every call that changes a file", () => {
  test("the store holds what was acknowledged, verifies, and takes the next write", async () => {
    const dir = tempFolder();
    const script = await bundleScript("test/support/store-script.ts", dir);
    const whole = await runScript(script, ["work", join(dir, "whole"), "app", "0"]);
    expect(whole).toMatchObject({ code: 0, stderr: "" });
    const calls = Number(/calls (\d+)/.exec(whole.stdout)?.[1]);
    expect(calls).toBeGreaterThan(60);

    const points = Array.from({ length: calls }, (_, at) => at + 1);
    const check = async (at: number): Promise<void> => {
      const root = join(dir, `killed-${at}`);
      const killed = await runScript(script, ["work", root, "app", String(at)]);
      expect(killed).toMatchObject({ signal: "SIGKILL", stderr: "" });
      await expectSound(root, killed.stdout);
    };
    // Two at a time: each is a process of its own.
    const worker = async (): Promise<void> => {
      for (let at = points.shift(); at !== undefined; at = points.shift()) await check(at);
    };
    await Promise.all([worker(), worker()]);
  }, 180_000);

  /** Everything that is visible in the store at `root` is whole; what `output` acknowledges is there. */
  async function expectSound(root: string, output: string): Promise<void> {
    const warnings: string[] = [];
    const store = await openStore(root, { onWarning: (message) => warnings.push(message) });
    expect(existsSync(join(root, "tmp")) ? readdirSync(join(root, "tmp")) : []).toEqual([]);
    const tagged = [...output.matchAll(/^tagged (.+)$/gm)].map((match) => match[1]!);
    for (const reference of tagged) expect(await store.images.find(reference)).toBeDefined();
    for (const { descriptor } of await store.images.list()) await collect(store.blobs.open(descriptor));
    for (const path of filesBelow(join(root, "images", "blobs", "sha256"))) {
      expect(digestOf(readFileSync(path)).slice(7)).toBe(path.slice(-64));
    }
    for (const path of filesBelow(join(root, "layers", "v1")).filter((name) => name.endsWith(".tar"))) {
      const diffId = `sha256:${path.slice(-68, -4)}` as DiffId;
      if (store.layers.hasTar(diffId)) await collect(store.layers.readTar(diffId));
    }
    const next = describeBlob("next");
    await store.blobs.write(next, [Buffer.from("next")]);
    await store.images.tag("next:1", next);
    expect(await store.images.find("next:1")).toEqual(next);
    expect(warnings).toEqual([]);
  }

  function filesBelow(folder: string): string[] {
    return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
  }
});
