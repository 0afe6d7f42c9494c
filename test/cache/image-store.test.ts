import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { FolderLock } from "../../src/cache/folder-lock.js";
import { openLayout } from "../../src/cache/oci-layout.js";
import { openStore, type Store } from "../../src/cache/store.js";
import type { Descriptor } from "../../src/oci/types.js";
import { collect, describeBlob } from "../support/blobs.js";
import { bundleScript, runScript } from "../support/child.js";
import { tempFolder } from "../support/temp-folder.js";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";

async function newStore(onWarning: (message: string) => void = () => undefined): Promise<Store> {
  return openStore(join(tempFolder(), "store"), { onWarning });
}

async function addBlob(store: Store, content: string): Promise<Descriptor> {
  const blob = describeBlob(content, MANIFEST);
  await store.blobs.write(blob, [Buffer.from(content)]);
  return blob;
}

const indexOf = (store: Store): string => join(store.root, "images", "index.json");

describe("images of the store", () => {
  test("a tag is found again, also by another opener of the store", async () => {
    const store = await newStore();
    const image = { ...(await addBlob(store, "one")), platform: { os: "linux", architecture: "amd64" } };
    await store.images.tag("docker.io/library/app:dev", image);
    expect(await store.images.find("docker.io/library/app:dev")).toEqual(image);
    expect(await store.images.find("docker.io/library/app:prod")).toBeUndefined();
    expect(await (await openStore(store.root)).images.list()).toEqual([
      { reference: "docker.io/library/app:dev", descriptor: image },
    ]);
  });

  test("tags are annotations of a valid layout that others can read; other annotations stay", async () => {
    const store = await newStore();
    const image = { ...(await addBlob(store, "one")), annotations: { "com.example.kept": "yes" } };
    await store.images.tag("r.example/app:1", image);
    const layout = await openLayout(join(store.root, "images"));
    expect(layout.index.manifests).toEqual([
      {
        ...image,
        annotations: {
          "com.example.kept": "yes",
          "org.opencontainers.image.ref.name": "r.example/app:1",
          "io.containerd.image.name": "r.example/app:1",
        },
      },
    ]);
    expect((await collect(layout.blobs.open(layout.find("r.example/app:1")))).toString()).toBe("one");
    expect(await store.images.find("r.example/app:1")).toEqual(image);
  });

  test("an unchanged tag does not write the list again", async () => {
    const store = await newStore();
    const image = await addBlob(store, "one");
    await store.images.tag(["a:1", "b:1"], image);
    const { ino } = statSync(indexOf(store));
    await store.images.tag(["b:1", "a:1"], image);
    await store.images.add(image);
    expect(statSync(indexOf(store)).ino).toBe(ino);
  });

  test("a moved or removed tag leaves its image listed without a name, once", async () => {
    const store = await newStore();
    const [one, two] = [await addBlob(store, "one"), await addBlob(store, "two")];
    await store.images.tag("a:1", one);
    await store.images.tag("a:1", two);
    expect(await store.images.list()).toEqual([
      { reference: undefined, descriptor: one },
      { reference: "a:1", descriptor: two },
    ]);
    await store.images.tag("b:1", one);
    expect(await store.images.list()).toEqual([
      { reference: "a:1", descriptor: two },
      { reference: "b:1", descriptor: one },
    ]);
    expect(await store.images.untag("b:1")).toEqual(one);
    expect(await store.images.untag("b:1")).toBeUndefined();
    expect(await store.images.list()).toContainEqual({ reference: undefined, descriptor: one });
    expect(await store.blobs.has(one)).toBe(true);
  });

  test("an image with two tags loses one without a trace of the other", async () => {
    const store = await newStore();
    const image = await addBlob(store, "one");
    await store.images.tag(["a:1", "b:1"], image);
    await store.images.untag("a:1");
    expect(await store.images.list()).toEqual([{ reference: "b:1", descriptor: image }]);
  });

  test("S5: the list of images without a tag is bounded; the newest stay", async () => {
    const store = await newStore();
    const entries = Array.from({ length: 700 }, (_, at) => describeBlob(`old ${at}`, MANIFEST));
    await store.images.tag("kept:1", await addBlob(store, "kept"));
    const index = JSON.parse(readFileSync(indexOf(store), "utf8")) as { manifests: unknown[] };
    writeFileSync(indexOf(store), JSON.stringify({ ...index, manifests: [...index.manifests, ...entries] }));
    const newest = await addBlob(store, "newest");
    await store.images.add(newest);
    const listed = await store.images.list();
    expect(listed).toHaveLength(501);
    expect(listed.at(-1)?.descriptor).toEqual(newest);
    expect(listed[0]?.reference).toBe("kept:1");
  });

  test("an image whose blob is not in the store cannot be tagged", async () => {
    const store = await newStore();
    const tagging = store.images.tag("a:1", describeBlob("absent", MANIFEST));
    await expect(tagging).rejects.toMatchObject({ code: "BLOB_NOT_FOUND" });
    expect(await store.images.list()).toEqual([]);
  });

  test.each(["__proto__", "constructor", "toString", "hasOwnProperty", "valueOf", "", "a b\n\u{1f600}"])(
    "C4: a tag named %j is an ordinary tag",
    async (name) => {
      const store = await newStore();
      expect(await store.images.find(name)).toBeUndefined();
      const image = await addBlob(store, "one");
      await store.images.tag(name, image);
      expect(await store.images.find(name)).toEqual(image);
      expect(await store.images.list()).toEqual([{ reference: name, descriptor: image }]);
      expect(await store.images.untag(name)).toEqual(image);
      expect(Object.keys(Object.prototype)).toEqual([]);
    },
  );

  test("C4: annotations named like members of every object do not make a tag", async () => {
    const store = await newStore();
    const image = await addBlob(store, "one");
    const text = JSON.stringify({ ...image, annotations: {} }).replace("{}", '{"__proto__":"x","constructor":"y"}');
    await store.images.add(JSON.parse(text) as Descriptor);
    expect(await store.images.list()).toMatchObject([{ reference: undefined }]);
  });

  test("what other tools wrote into the list survives", async () => {
    const store = await newStore();
    const image = await addBlob(store, "one");
    await store.images.tag("a:1", image);
    const foreign = { mediaType: "x/y", digest: `sha512:${"0".repeat(128)}`, size: 3 };
    const named = { ...image, annotations: { "org.opencontainers.image.ref.name": "by-skopeo" } };
    const document = { schemaVersion: 2, "com.example": { kept: true }, manifests: [foreign, named] };
    writeFileSync(indexOf(store), JSON.stringify(document));
    expect(await store.images.find("by-skopeo")).toEqual(image);
    await store.images.tag("b:1", image);
    const after = JSON.parse(readFileSync(indexOf(store), "utf8")) as { manifests: unknown[] };
    expect(after).toMatchObject({ schemaVersion: 2, "com.example": { kept: true } });
    expect(after.manifests.slice(0, 2)).toEqual([foreign, named]);
  });

  test.each(["", "{", "null", "[]", '{"schemaVersion":2}', '{"schemaVersion":2,"manifests":{}}', "\0".repeat(50)])(
    "K5: a damaged list %j counts as empty, is told, and is kept beside the new one",
    async (damage) => {
      const warnings: string[] = [];
      const store = await newStore((message) => warnings.push(message));
      const image = await addBlob(store, "one");
      await store.images.tag("a:1", image);
      writeFileSync(indexOf(store), damage);
      expect(await store.images.find("a:1")).toBeUndefined();
      expect(warnings).toEqual([expect.stringContaining("index.json")]);
      await store.images.tag("b:1", image);
      expect(await store.images.list()).toEqual([{ reference: "b:1", descriptor: image }]);
      const kept = readdirSync(join(store.root, "images")).filter((name) => name.startsWith("index.json.damaged"));
      expect(kept.map((name) => readFileSync(join(store.root, "images", name), "utf8"))).toEqual([damage]);
    },
  );

  test("tags set at once in one process are all kept", async () => {
    const store = await newStore();
    const image = await addBlob(store, "one");
    const names = Array.from({ length: 30 }, (_, at) => `app:${at}`);
    await Promise.all(names.map((name) => store.images.tag(name, image)));
    expect((await store.images.list()).map(({ reference }) => reference).sort()).toEqual([...names].sort());
  });

  test("an aborted tag rejects with the signal's reason and changes nothing", async () => {
    const store = await newStore();
    const image = await addBlob(store, "one");
    const reason = new Error("enough");
    await expect(store.images.tag("a:1", image, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(await store.images.list()).toEqual([]);
  });
});

describe("the lock of the list", () => {
  const alive = async (dir: string): Promise<FolderLock> => new FolderLock(dir, { waitMs: 50 });

  test("K6: a lock that a living process holds is waited for, then it is a clear error", async () => {
    const dir = join(tempFolder(), "lock");
    const holder = await alive(dir);
    let ran = false;
    await holder.hold(async () => {
      const waiting = (await alive(dir)).hold(async () => {
        ran = true;
      });
      await expect(waiting).rejects.toMatchObject({
        code: "STORE_UNUSABLE",
        message: expect.stringContaining(`process ${process.pid}`),
        hint: expect.stringContaining("delete"),
      });
    });
    expect(ran).toBe(false);
    await (await alive(dir)).hold(async () => {
      ran = true;
    });
    expect(ran).toBe(true);
    expect(readdirSync(dir)).toEqual([]);
  });

  test("K6: the lock of a dead process does not hold anybody up", async () => {
    const dir = tempFolder();
    const lock = await alive(dir);
    await lock.hold(async () => {
      const [own] = readdirSync(dir);
      // The same owner with another start time: the pid was given to another process.
      const [pid, start, ...rest] = own!.split("-");
      if (start === "0") return;
      writeFileSync(join(dir, [pid, Number(start) + 1, ...rest].join("-").replace(/.{16}$/, "0123456789abcdef")), "");
    });
    await expect(lock.hold(() => Promise.resolve("got it"))).resolves.toBe("got it");
    expect(readdirSync(dir)).toEqual([]);
  });

  test("an aborted wait rejects with the signal's reason", async () => {
    const dir = tempFolder();
    const controller = new AbortController();
    const reason = new Error("enough");
    await (await alive(dir)).hold(async () => {
      const waiting = new FolderLock(dir).hold(() => Promise.resolve(), { signal: controller.signal });
      controller.abort(reason);
      await expect(waiting).rejects.toBe(reason);
    });
  });

  test("a failing action gives the lock back", async () => {
    const lock = await alive(tempFolder());
    await expect(lock.hold(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
    await expect(lock.hold(() => Promise.resolve(1))).resolves.toBe(1);
  });
});

test("K6: 8 processes that write the same blobs and tag at once lose nothing", async () => {
  const dir = tempFolder();
  const root = join(dir, "store");
  const script = await bundleScript("test/support/store-script.ts", dir);
  const results = await Promise.all(
    Array.from({ length: 8 }, (_, at) => runScript(script, ["tags", root, `p${at}`, "5"])),
  );
  for (const result of results) expect(result).toMatchObject({ code: 0, stderr: "" });
  const store = await openStore(root);
  const images = await store.images.list();
  expect(images.map(({ reference }) => reference).sort()).toEqual(
    Array.from({ length: 40 }, (_, at) => `p${Math.floor(at / 5)}:${at % 5}`).sort(),
  );
  for (const { descriptor } of images)
    expect(await collect(store.blobs.open(descriptor))).toHaveLength(descriptor.size);
  expect(readdirSync(join(root, "tmp"))).toEqual([]);
  expect(readdirSync(join(root, "locks", "images"))).toEqual([]);
});
