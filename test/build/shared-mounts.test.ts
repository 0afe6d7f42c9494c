/** What is in cache mounts, from one store to another by way of shared caches. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { OcibuildError } from "../../src/errors.js";
import type { CacheMount } from "../../src/executor/contract.js";
import { fakeExecutor } from "../../src/testing/fake-executor.js";
import { startRegistry } from "../../src/testing/registry/registry.js";
import { buildOnly, expectNoTemporaryFiles, fresh, type TestBuild, type TestOptions } from "../support/builds.js";
import { type MemoryCaches, memoryCaches } from "../support/memory-caches.js";
import { startS3Server } from "../support/s3-server.js";
import { tempFolder } from "../support/temp-folder.js";

const DOCKERFILE = `FROM scratch
COPY source /source
RUN --mount=type=cache,id=npm,target=/root/.npm install
`;

interface Machine {
  readonly caches: MemoryCaches;
  /** What the commands found in the mount, in order. */
  readonly seen: string[];
  readonly root: string;
  build(options: Partial<TestOptions>): Promise<TestBuild>;
}

/** A machine with a store of its own, where each command adds a line to `log` in each of its cache mounts. */
function machine(name: string, { isFake = false } = {}): Machine {
  const caches = memoryCaches();
  const seen: string[] = [];
  const executor = fakeExecutor(
    async ({ mounts }) => {
      for (const mount of mounts) {
        if (mount.type !== "cache") continue;
        const { log = "" } = await caches.files(mount);
        seen.push(log);
        if (!mount.readOnly) caches.write(mount, { log: `${log}${name}\n` });
      }
      return [{ path: "made", content: name }];
    },
    isFake ? {} : { caches },
  );
  const usual = fresh({ dockerfile: DOCKERFILE, executor, outputs: ["type=cacheonly"] });
  const build = (options: Partial<TestOptions>) => buildOnly({ ...usual, files: { source: "1" }, ...options });
  return { caches, seen, root: usual.root, build };
}

const folder = (): string => join(tempFolder(), "cache");
const to = (dir: string, more = "mounts=true"): { readonly cacheTo: string[] } => ({
  cacheTo: [`type=local,dest=${dir},${more}`],
});
const from = (dir: string, more = "mounts=true"): { readonly cacheFrom: string[] } => ({
  cacheFrom: [`type=local,src=${dir},${more}`],
});
const CHANGED = { files: { source: "2" } };

describe("what is in a cache mount", () => {
  test("is there on a new machine when the step has to run", async () => {
    const dir = folder();
    const [one, two] = [machine("one"), machine("two")];
    expect((await one.build(to(dir))).warnings).toEqual([]);
    const built = await two.build({ ...from(dir), ...CHANGED });
    expect(built.warnings).toEqual([]);
    expect(two.seen).toEqual(["one\n"]);
    expectNoTemporaryFiles(one.root);
    expectNoTemporaryFiles(two.root);
  });

  test("travels by a registry, and is not asked for when every step is found", async () => {
    await using registry = await startRegistry();
    const cache = `type=registry,ref=${registry.host}/team/app:cache,mode=max,mounts=true`;
    const source = cache.replace(",mode=max", "");
    const [one, two, three] = [machine("one"), machine("two"), machine("three")];
    await one.build({ cacheTo: [cache] });
    registry.forget();
    const hit = await two.build({ cacheFrom: [source], cacheTo: [cache] });
    expect(hit.ran).toEqual([]);
    expect(two.caches.asked).toEqual([]);
    const layers = new Set<string>(hit.images[0]!.layers.map(({ descriptor }) => descriptor.digest));
    const blobs = registry.requests.flatMap(({ path }) => path.split("/blobs/")[1] ?? []);
    expect(blobs.filter((digest) => !layers.has(digest))).toEqual([]);
    await three.build({ cacheFrom: [source], ...CHANGED });
    expect(three.seen).toEqual(["one\n"]);
  });

  test("travels by a bucket", async () => {
    const account = { accessKeyId: "id", secretAccessKey: "secret" };
    await using s3 = await startS3Server("bucket", "eu-west-1", account);
    const cache = `type=s3,region=eu-west-1,bucket=bucket,endpoint_url=${s3.url},access_key_id=id,secret_access_key=secret,mounts=true`;
    const [one, two] = [machine("one"), machine("two")];
    expect((await one.build({ cacheTo: [cache] })).warnings).toEqual([]);
    expect((await two.build({ cacheFrom: [cache], ...CHANGED })).warnings).toEqual([]);
    expect(two.seen).toEqual(["one\n"]);
  });

  test("stays where it is unless both sides say mounts=true", async () => {
    const [without, with_] = [folder(), folder()];
    await machine("one").build({ cacheTo: [...to(without, "mode=max").cacheTo, ...to(with_).cacheTo] });
    for (const source of [from(without), from(with_, "mounts=false")]) {
      const two = machine("two");
      await two.build({ ...source, ...CHANGED });
      expect(two.seen).toEqual([""]);
    }
  });

  test("is not replaced where the machine has its own, and nobody is asked", async () => {
    const dir = folder();
    const [one, two] = [machine("one"), machine("two")];
    await one.build(to(dir));
    await two.build({});
    await two.build({ ...from(dir), ...CHANGED });
    expect(two.seen).toEqual(["", "two\n"]);
    expect(two.caches.asked).toEqual([]);
  });

  test("is replaced in the cache by the next that runs the step, and sent only when it changed", async () => {
    await using registry = await startRegistry();
    const cache = `type=registry,ref=${registry.host}/team/app:cache,mounts=true`;
    const readOnly = { dockerfile: DOCKERFILE.replace("id=npm", "id=npm,readonly") };
    const [one, two, three] = [machine("one"), machine("two"), machine("three")];
    await one.build({ cacheTo: [cache] });
    await two.build({ cacheFrom: [cache], cacheTo: [cache], ...CHANGED });
    await three.build({ cacheFrom: [cache], ...CHANGED, ...readOnly });
    expect(three.seen).toEqual(["one\ntwo\n"]);
    registry.forget();
    const uploads = () =>
      registry.requests.filter(({ method, path }) => method === "POST" && path.includes("/uploads"));
    const again = { cacheFrom: [cache], cacheTo: [cache] };
    // A mount that nothing can be written to is not exported; one that nothing was written to is there already.
    await machine("four").build({ ...again, ...readOnly, files: { source: "4" } });
    const withoutMount = uploads().length;
    registry.forget();
    const five = machine("five");
    Object.assign(five.caches, { write: () => {} });
    await five.build({ ...again, files: { source: "5" } });
    expect(five.seen).toEqual(["one\ntwo\n"]);
    expect(uploads()).toHaveLength(withoutMount);
  });

  test("is found by its tag when the index tells of one that was replaced and is gone", async () => {
    await using registry = await startRegistry();
    const cache = `type=registry,ref=${registry.host}/team/app:cache,mounts=true`;
    const { content } = registry;
    await machine("one").build({ cacheTo: [cache] });
    const index = content.manifest("team/app", "cache")!;
    await machine("two").build({ cacheFrom: [cache], cacheTo: [cache], ...CHANGED });
    // As if a slower job had written what it knew, and the registry had removed what has no tag.
    const entries = (bytes: Buffer) => (JSON.parse(bytes.toString()) as { manifests: { digest: string }[] }).manifests;
    const now = new Set(entries(content.manifest("team/app", "cache")!.bytes).map(({ digest }) => digest));
    const replaced = entries(index.bytes).filter(({ digest }) => !now.has(digest));
    expect(replaced.length).toBeGreaterThan(0);
    content.putManifest("team/app", index.bytes, "application/vnd.oci.image.index.v1+json", "cache");
    for (const { digest } of replaced) content.delete("manifests", "team/app", digest);
    const three = machine("three");
    const built = await three.build({ cacheFrom: [cache], files: { source: "3" } });
    expect(built.warnings).toEqual([]);
    expect(three.seen).toEqual(["one\ntwo\n"]);
  });

  test("goes by the id and what it began with, not by who is the first to ask", async () => {
    const dir = folder();
    const dockerfile = `FROM scratch AS seed
COPY seed /seed
FROM scratch
COPY source /source
RUN --mount=type=cache,id=a,target=/a,from=seed,source=/seed --mount=type=cache,id=b,target=/b install
`;
    const seeded = (seed: string, source: string): Partial<TestOptions> => ({
      dockerfile,
      files: { "seed/f": seed, source },
    });
    await machine("one").build({ ...seeded("x", "1"), ...to(dir) });
    const two = machine("two");
    await two.build({ ...seeded("x", "2"), ...from(dir) });
    expect(two.seen).toEqual(["one\n", "one\n"]);
    const three = machine("three");
    await three.build({ ...seeded("y", "2"), ...from(dir) });
    expect(three.seen).toEqual(["", "one\n"]);
  });

  test("is fetched once for all stages of a build", async () => {
    const dir = folder();
    const run = "RUN --mount=type=cache,id=npm,target=/c";
    const stages = ["a", "b", "c"].map((name) => `FROM scratch AS ${name}\nCOPY source /s\n${run} ${name}`);
    const copies = ["a", "b", "c"].map((name) => `COPY --from=${name} /made /${name}`);
    const dockerfile = [...stages, "FROM scratch", ...copies, ""].join("\n");
    await machine("one").build({ dockerfile, ...to(dir) });
    const two = machine("two");
    await two.build({ dockerfile, ...CHANGED, ...from(dir) });
    expect(two.caches.asked).toEqual(["npm"]);
    expect(two.seen.every((log) => log.startsWith("one\n"))).toBe(true);
  });

  test("above the limit stays, and the warning names it and its size", async () => {
    const dir = folder();
    const [one, two] = [machine("one"), machine("two")];
    const built = await one.build(to(dir, "mounts=true,mounts-limit=2kB"));
    expect(built.warnings).toEqual([
      expect.stringMatching(/^cache mount "npm" was not exported to folder ".*": it has 0 MiB, and no more than 0 MiB/),
    ]);
    await two.build({ ...from(dir), ...CHANGED });
    expect(two.seen).toEqual([""]);
  });

  test("that is larger than the reader's limit is not taken", async () => {
    const dir = folder();
    await machine("one").build(to(dir));
    const two = machine("two");
    const built = await two.build({ ...from(dir, "mounts=true,mounts-limit=2kB"), ...CHANGED });
    expect(built.warnings).toEqual([expect.stringMatching(/^cache mount "npm" was not filled from cache folder/)]);
    expect(two.seen).toEqual([""]);
  });

  test("of an executor that keeps it to itself is a warning on both sides", async () => {
    const dir = folder();
    const one = machine("one", { isFake: true });
    const reason = 'those of the executor "fake" stay where it keeps them';
    expect((await one.build(to(dir))).warnings).toEqual([`no cache mount was exported to folder "${dir}": ${reason}`]);
    const built = await machine("two", { isFake: true }).build({ ...from(dir), ...CHANGED });
    expect(built.warnings).toEqual([`no cache mount is filled from a cache: ${reason}`]);
  });
});

describe("K10: a cache that lies about a mount", () => {
  type Entry = { layers: { mediaType: string; digest: string; size: number }[] };

  /** The entries of cache mounts in a folder. */
  function mountEntries(dir: string): readonly (readonly [path: string, entry: Entry])[] {
    return readdirSync(join(dir, "entries", "v1")).flatMap((name) => {
      const path = join(dir, "entries", "v1", name);
      const text = readFileSync(path, "utf8");
      return text.includes('\\"kind\\":\\"cache\\"') ? [[path, JSON.parse(text) as Entry] as const] : [];
    });
  }

  const blobOf = (dir: string, { layers }: Entry): string =>
    join(dir, "blobs", "sha256", layers[0]!.digest.slice("sha256:".length));

  test.each<[string, (dir: string, path: string, entry: Entry) => void]>([
    ["has other bytes", (dir, _, entry) => writeFileSync(blobOf(dir, entry), "other")],
    ["has none", (dir, _, entry) => rmSync(blobOf(dir, entry))],
    [
      "has another diffID",
      (_, path, entry) => {
        const text = JSON.stringify(entry);
        writeFileSync(path, text.replace(/(diffId\\":\\"sha256:)[0-9a-f]{64}/, `$1${"1".repeat(64)}`));
      },
    ],
    [
      "has two layers",
      (_, path, entry) => writeFileSync(path, JSON.stringify({ ...entry, layers: [...entry.layers, ...entry.layers] })),
    ],
  ])("because it %s costs a warning, and the next cache is asked", async (_, forge) => {
    const [bad, good] = [folder(), folder()];
    await machine("one").build(to(bad));
    await machine("good").build(to(good));
    const [[path, entry]] = mountEntries(bad) as [readonly [string, Entry]];
    forge(bad, path, entry);
    const alone = machine("two");
    const built = await alone.build({ ...from(bad), ...CHANGED });
    expect(built.warnings).toHaveLength(1);
    expect(alone.seen).toEqual([""]);
    const both = machine("three");
    await both.build({ cacheFrom: [...from(bad).cacheFrom, ...from(good).cacheFrom], ...CHANGED });
    expect(both.seen).toEqual(["good\n"]);
    expectNoTemporaryFiles(alone.root);
  });

  test("L1: names no mount, and holds no more than what is in it", async () => {
    const dir = folder();
    const dockerfile = DOCKERFILE.replace("id=npm", "id=hidden-name");
    await machine("one").build({ ...to(dir), dockerfile });
    const [[, entry]] = mountEntries(dir) as [readonly [string, Entry]];
    expect(JSON.stringify(entry)).not.toContain("hidden-name");
  });
});

test("a mount whose executor fails to read it is a warning, and the rest is exported", async () => {
  const dir = folder();
  const one = machine("one");
  Object.assign(one.caches, {
    read: async (mount: CacheMount) => {
      throw new OcibuildError("EXECUTOR_FAILED", `reading "${mount.id}" ended with 2`, {
        details: { executor: "fake" },
      });
    },
  });
  const built = await one.build(to(dir, "mode=max,mounts=true"));
  expect(built.warnings).toEqual([expect.stringMatching(/^cache mount "npm" was not exported .*ended with 2/)]);
  const two = machine("two");
  expect((await two.build(from(dir))).ran).toEqual([]);
});
