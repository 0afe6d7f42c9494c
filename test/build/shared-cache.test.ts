import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { build, isOcibuildError, memory } from "../../src/index.js";
import { fakeExecutor } from "../../src/testing/fake-executor.js";
import { stall } from "../../src/testing/registry/faults.js";
import { startRegistry } from "../../src/testing/registry/registry.js";
import { buildChecked, buildOnly, expectNoTemporaryFiles, fresh, type TestOptions } from "../support/builds.js";
import { ALL, DOCKERFILE, FILES, scene } from "../support/cache-scene.js";
import { tempFolder } from "../support/temp-folder.js";

const entriesIn = (dir: string): string[] => readdirSync(join(dir, "entries", "v1"));

describe("a cache in a folder", () => {
  test.each(["min", "max"])("with mode=%s rebuilds in a new store without running anything", async (mode) => {
    const dir = join(tempFolder(), "cache");
    const { options, commands } = scene();
    const first = await buildChecked(fresh({ ...options, cacheTo: [`type=local,dest=${dir},mode=${mode}`] }));
    const second = await buildChecked(fresh({ ...options, cacheFrom: [`type=local,src=${dir}`] }));
    expect(second.warnings).toEqual([]);
    expect(second.ran).toEqual([]);
    expect(second.cached).toHaveLength(ALL);
    expect(second.digest).toBe(first.digest);
    expect(commands()).toBe(1);
    // min: the three layers of the image; max: the two of the other stage as well. Beside each COPY the list of its files.
    expect(readdirSync(join(dir, "blobs", "sha256"))).toHaveLength(mode === "min" ? 3 + 2 : 5 + 3);
  });

  test("with mode=min runs the other stage when more is wanted of it", async () => {
    const dir = join(tempFolder(), "cache");
    const { options, commands } = scene();
    await buildChecked(fresh({ ...options, cacheTo: [`type=local,dest=${dir}`] }));
    const dockerfile = DOCKERFILE.replace("/made /made", "/made /other");
    const second = await buildChecked(fresh({ ...options, dockerfile, cacheFrom: [`type=local,src=${dir}`] }));
    expect(second.warnings).toEqual([]);
    expect((await second.readFile("/other")).toString()).toMatch(/^make 1/);
    expect(commands()).toBe(2);
  });

  test("is added to: what other jobs wrote stays", async () => {
    const dir = join(tempFolder(), "cache");
    const to = { cacheTo: [`type=local,dest=${dir},mode=max`] };
    const { options, commands } = scene();
    const [one, two] = await Promise.all([
      buildChecked(fresh({ ...options, ...to, files: { ...FILES, a: "one" } })),
      buildChecked(fresh({ ...options, ...to, files: { ...FILES, a: "two" } })),
    ]);
    const from = { cacheFrom: [`type=local,src=${dir}`] };
    for (const [a, built] of [["one", one] as const, ["two", two] as const]) {
      const again = await buildChecked(fresh({ ...options, ...from, files: { ...FILES, a } }));
      expect(again.ran).toEqual([]);
      expect(again.digest).toBe(built.digest);
    }
    expect(commands()).toBe(2);
  });

  test("is asked in the order given, and a build that names none does not use it: K10", async () => {
    const dir = tempFolder();
    const { options, commands } = scene();
    for (const name of ["one", "two"]) {
      await buildChecked(fresh({ ...options, cacheTo: [`type=local,dest=${join(dir, name)},mode=max`] }));
    }
    const from = (...names: string[]) => ({ cacheFrom: names.map((name) => `type=local,src=${join(dir, name)}`) });
    const target = fresh(options);
    const first = await buildChecked({ ...target, ...from("missing", "one", "two") });
    expect((await first.readFile("/made")).toString()).toMatch(/^make 0/);
    expect(first.warnings).toEqual([
      expect.stringMatching(/^cache folder ".*missing" cannot be read: there is no cache/),
    ]);
    const second = await buildChecked({ ...target, ...from("two", "one") });
    expect((await second.readFile("/made")).toString()).toMatch(/^make 1/);
    expect(commands()).toBe(2);
    // What caches said is no record of the store's own.
    const alone = await buildChecked(target);
    expect(alone.ran).toHaveLength(ALL);
    expect(commands()).toBe(3);
  });

  test("with noCache is written to and not asked", async () => {
    const dir = join(tempFolder(), "cache");
    const { options, commands } = scene({ cacheTo: [`type=local,dest=${dir}`], cacheFrom: [`type=local,src=${dir}`] });
    await buildChecked(fresh(options));
    const again = await buildChecked(fresh({ ...options, noCache: true }));
    expect(again.cached).toEqual([]);
    expect(commands()).toBe(2);
  });

  test("is healed by the next export where it was damaged", async () => {
    const dir = join(tempFolder(), "cache");
    const { options, commands } = scene({ cacheTo: [`type=local,dest=${dir},mode=max`] });
    const target = fresh(options);
    await buildChecked(target);
    for (const name of entriesIn(dir)) writeFileSync(join(dir, "entries", "v1", name), "{}");
    rmSync(join(dir, "blobs"), { recursive: true });
    await buildChecked(target);
    const again = await buildChecked(fresh({ ...options, cacheFrom: [`type=local,src=${dir}`] }));
    expect(again.ran).toEqual([]);
    expect(commands()).toBe(1);
  });

  test("that cannot be written is a warning", async () => {
    const file = join(tempFolder(), "file");
    writeFileSync(file, "");
    const { options } = scene({ cacheTo: [`type=local,dest=${file}`] });
    const built = await buildChecked(fresh(options));
    expect(built.warnings).toEqual([expect.stringMatching(/^the cache was not exported to folder ".*file":/)]);
  });
});

describe("K10: what a forged or damaged cache says", () => {
  async function exported(): Promise<{ readonly dir: string; readonly options: TestOptions; commands(): number }> {
    const dir = join(tempFolder(), "cache");
    const { options, commands } = scene();
    await buildChecked(fresh({ ...options, cacheTo: [`type=local,dest=${dir},mode=max`] }));
    return { dir, options: { ...options, cacheFrom: [`type=local,src=${dir}`] }, commands };
  }

  test("of an entry under another key is not used", async () => {
    const { dir, options, commands } = await exported();
    const names = entriesIn(dir);
    const texts = names.map((name) => readFileSync(join(dir, "entries", "v1", name)));
    for (const [at, name] of names.entries()) writeFileSync(join(dir, "entries", "v1", name), texts.at(at - 1)!);
    const root = fresh(options);
    const built = await buildChecked(root);
    expect(built.cached).toEqual([]);
    expect(built.warnings.join("\n")).toMatch(/its parts give another key/);
    expect(commands()).toBe(2);
    expectNoTemporaryFiles(root.root);
  });

  test.each([
    ["no JSON", () => "{"],
    ["another shape", () => "{}"],
    [
      "a key that is no digest",
      (text: string) => text.replaceAll(/\\"diffId\\":\\"sha256:/g, '\\"diffId\\":\\"../../'),
    ],
    [
      "a kind of record that is not shared",
      (text: string) => text.replaceAll('\\"kind\\":\\"run', '\\"kind\\":\\"fetch'),
    ],
    ["a layer that is none", (text: string) => text.replaceAll("vnd.oci.image.layer", "vnd.oci.image.config")],
    ["more than there may be", (text: string) => text + " ".repeat(5_000_000)],
  ])("as %s is not used", async (_name, forge) => {
    const { dir, options, commands } = await exported();
    for (const name of entriesIn(dir)) {
      const path = join(dir, "entries", "v1", name);
      writeFileSync(path, forge(readFileSync(path, "utf8")));
    }
    const built = await buildChecked(fresh(options));
    expect(built.ran.length).toBeGreaterThan(0);
    expect(commands()).toBe(2);
  });

  test("of a layer whose bytes have changed is made again", async () => {
    const { dir, options, commands } = await exported();
    const blobs = join(dir, "blobs", "sha256");
    for (const name of readdirSync(blobs)) {
      const bytes = readFileSync(join(blobs, name));
      bytes[bytes.length - 5]! ^= 1;
      writeFileSync(join(blobs, name), bytes);
    }
    const built = await buildChecked(fresh(options));
    expect(built.warnings.join("\n")).toMatch(/layer "sha256:.*" of cache folder .* cannot be used/);
    expect(commands()).toBe(2);
  });

  test("of a layer that is whole but another one than it says is made again", async () => {
    const { dir, options, commands } = await exported();
    type Document = { layers: { mediaType: string; digest: string; size: number }[] };
    const documents = entriesIn(dir).map((name) => {
      const path = join(dir, "entries", "v1", name);
      return { path, document: JSON.parse(readFileSync(path, "utf8")) as Document };
    });
    // Every layer is said to be its neighbour: right blobs, wrong diffIDs.
    const all = documents.flatMap(({ document }) => document.layers).filter(({ mediaType }) => /tar/.test(mediaType));
    const blobs = [...new Map(all.map(({ digest, size }) => [digest, { digest, size }])).values()];
    for (const { path, document } of documents) {
      const layers = document.layers.map((layer) => {
        const at = blobs.findIndex(({ digest }) => digest === layer.digest);
        return at === -1 ? layer : { ...layer, ...blobs.at(at - 1) };
      });
      writeFileSync(path, JSON.stringify({ ...document, layers }));
    }
    const root = fresh(options);
    const built = await buildChecked(root);
    expect(built.warnings.join("\n")).toMatch(/expected diffID/);
    expect(commands()).toBe(2);
    // And nothing of it stays behind.
    const again = await buildChecked({ ...root, cacheFrom: [] });
    expect(again.ran).toEqual([]);
    expect(again.digest).toBe(built.digest);
  });

  test("of a layer that is gone is made again", async () => {
    const { dir, options, commands } = await exported();
    rmSync(join(dir, "blobs"), { recursive: true });
    const built = await buildChecked(fresh(options));
    expect(built.digest).toMatch(/^sha256/);
    expect(commands()).toBe(2);
  });

  test("of a digest of files never becomes part of a record of our own", async () => {
    const { dir, options } = await exported();
    // The selection of /made in the first stage is said to be another one.
    const lie = `sha256:${"1".repeat(64)}`;
    for (const name of entriesIn(dir)) {
      const path = join(dir, "entries", "v1", name);
      const text = readFileSync(path, "utf8");
      if (text.includes('\\"kind\\":\\"selection\\"')) {
        writeFileSync(path, text.replace(/\\"digest\\":\\"[^\\]*\\"/, `\\"digest\\":\\"${lie}\\"`));
      }
    }
    const root = fresh(options);
    const built = await buildChecked(root);
    expect(built.ran).toContain("COPY /made /made");
    const records = readdirSync(join(root.root, "steps", "v1"), { recursive: true, encoding: "utf8" });
    for (const name of records.filter((path) => path.endsWith(".record"))) {
      expect(readFileSync(join(root.root, "steps", "v1", name), "utf8")).not.toContain(lie);
    }
  });
});

test("L1: what a stage was told is in no entry and in no image", async () => {
  const dir = join(tempFolder(), "cache");
  const dockerfile = `FROM scratch AS tools
ARG TOKEN
COPY hidden-name /hidden-target
RUN secret-command
FROM scratch
COPY --from=tools /made /made
`;
  const { options } = scene({
    dockerfile,
    files: { "hidden-name": "hidden-content" },
    buildArgs: { TOKEN: "hunter2" },
  });
  const built = await buildChecked(fresh({ ...options, cacheTo: [`type=local,dest=${dir}`, "type=inline"] }));
  const texts = [built.images[0]!.configBytes.toString()];
  for (const name of entriesIn(dir)) texts.push(readFileSync(join(dir, "entries", "v1", name), "utf8"));
  for (const name of readdirSync(join(dir, "blobs", "sha256"))) {
    const blob = gunzipSync(readFileSync(join(dir, "blobs", "sha256", name))).toString("latin1");
    if (blob.includes("ocibuild step files")) texts.push(blob);
  }
  // Of the entries one is a list of files, that of the layer that is in the image.
  expect(texts).toHaveLength(1 + 5 + 1);
  for (const text of texts) expect(text).not.toMatch(/hunter2|TOKEN|hidden|secret-command/);
});

describe("a cache in a registry", () => {
  test.each(["min", "max"])("with mode=%s rebuilds in a new store without running anything", async (mode) => {
    await using registry = await startRegistry();
    const ref = `${registry.host}/team/app:cache`;
    const { options, commands } = scene();
    const first = await buildChecked(fresh({ ...options, cacheTo: [`type=registry,ref=${ref},mode=${mode}`] }));
    expect(first.warnings).toEqual([]);
    const second = await buildChecked(fresh({ ...options, cacheFrom: [ref] }));
    expect(second.warnings).toEqual([]);
    expect(second.ran).toEqual([]);
    expect(second.digest).toBe(first.digest);
    expect(commands()).toBe(1);
  });

  test("that is not there yet is a warning, and the export makes it", async () => {
    await using registry = await startRegistry();
    const ref = `${registry.host}/team/app:cache`;
    const { options } = scene({ cacheFrom: [ref], cacheTo: [`type=registry,ref=${ref}`] });
    const first = await buildChecked(fresh(options));
    expect(first.warnings).toEqual([
      expect.stringMatching(/^cache registry ".*" cannot be read: image ".*" is not in/),
    ]);
    const second = await buildChecked(fresh(options));
    expect(second.warnings).toEqual([]);
    expect(second.ran).toEqual([]);
  });

  test("whose index lost an entry still has it", async () => {
    await using registry = await startRegistry();
    const ref = `${registry.host}/team/app:cache`;
    const { options, commands } = scene();
    const to = { cacheTo: [`type=registry,ref=${ref},mode=max`] };
    await buildChecked(fresh({ ...options, ...to, files: { ...FILES, a: "other" } }));
    const other = registry.content.manifest("team/app", "cache")!;
    await buildChecked(fresh({ ...options, ...to }));
    // As if two jobs had read the index at once, and the slower one wrote what it knew.
    registry.content.putManifest("team/app", other.bytes, "application/vnd.oci.image.index.v1+json", "cache");
    const again = await buildChecked(fresh({ ...options, cacheFrom: [ref] }));
    expect(again.ran).toEqual([]);
    expect(commands()).toBe(2);
  });

  test("does not replace an image", async () => {
    await using registry = await startRegistry();
    const ref = `${registry.host}/team/app:1`;
    const { options } = scene({ tags: [ref], push: true });
    const first = await buildOnly(fresh(options));
    const second = await buildOnly(fresh({ ...options, cacheTo: [`type=registry,ref=${ref}`] }));
    expect(second.warnings).toEqual([expect.stringMatching(/is an image, which a cache would replace/)]);
    expect(first.digest).not.toBe(second.digest);
  });

  test("that does not take anything is a warning after its deadline", async () => {
    await using registry = await startRegistry();
    const ref = `${registry.host}/team/app:cache`;
    registry.fail({ method: "PUT", path: "manifests", action: stall });
    const { options } = scene({ cacheTo: [`type=registry,ref=${ref},timeout=300ms`] });
    const built = await buildChecked(fresh(options));
    expect(built.warnings).toEqual([
      expect.stringMatching(/^the cache was not exported to .*: it took longer than 0.3 s/),
    ]);
  });
});

describe("an inline cache", () => {
  test("is in the image, and the image is the cache", async () => {
    await using registry = await startRegistry();
    const ref = `${registry.host}/team/app:1`;
    const { options, commands } = scene({ tags: [ref], push: true, cacheTo: ["type=inline"] });
    const first = await buildOnly(fresh(options));
    expect(first.images[0]!.config).toHaveProperty(["dev.ocibuild.cache.v1"]);
    const second = await buildOnly(fresh({ ...options, cacheFrom: [`type=registry,ref=${ref}`] }));
    expect(second.warnings).toEqual([]);
    expect(second.ran).toEqual([]);
    expect(second.digest).toBe(first.digest);
    expect(commands()).toBe(1);
  });

  test("of an index of platforms serves each of them", async () => {
    await using registry = await startRegistry();
    const ref = `${registry.host}/team/app:1`;
    const platforms = ["linux/amd64", "linux/arm64"];
    const executor = fakeExecutor(
      (spec) => [{ path: "made", content: `${spec.platform.architecture} ${Math.random()}` }],
      {
        capabilities: { platforms: platforms.map((name) => ({ os: "linux", architecture: name.slice(6) })) },
      },
    );
    const { options } = scene({ tags: [ref], push: true, cacheTo: ["type=inline"], platforms, executor });
    const first = await buildOnly(fresh(options));
    for (const platform of platforms) {
      const alone = await buildOnly(fresh({ ...options, push: false, platforms: [platform], cacheFrom: [ref] }));
      expect(alone.ran).toEqual([]);
      expect(first.images.some((image) => image.layers.at(-1)!.diffId === alone.images[0]!.layers.at(-1)!.diffId)).toBe(
        true,
      );
    }
  });

  test("is not carried over to images that are built on it", async () => {
    const root = fresh({ ...scene({ tags: ["base:1"], cacheTo: ["type=inline"] }).options });
    await buildChecked(root);
    const child = await buildChecked({ ...root, cacheTo: [], tags: [], dockerfile: "FROM base:1\nCOPY b /c\n" });
    expect(child.images[0]!.config).not.toHaveProperty(["dev.ocibuild.cache.v1"]);
  });
});

test("wrong caches are refused before anything is done", async () => {
  for (const options of [
    { cacheTo: ["type=azblob,name=b"] },
    { cacheFrom: ["type=azblob,name=b"] },
    { cacheTo: ["type=local"] },
  ]) {
    const error = await build({ context: memory({}), dockerfile: "FROM scratch\n", ...options }).catch(
      (e: unknown) => e,
    );
    expect(isOcibuildError(error)).toBe(true);
  }
});
