import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openLayout } from "../../src/cache/oci-layout.js";
import { isZstdAvailable } from "../../src/compression/compression.js";
import { decompress } from "../../src/compression/decompress.js";
import { dockerArchive, localStore, ociArchive, ociLayout, rootfsFolder, rootfsTar } from "../../src/index.js";
import { type IndexedEntry, indexTar } from "../../src/layers/layer-index.js";
import type { Image } from "../../src/oci/types.js";
import { RegistryContent } from "../../src/testing/registry/content.js";
import { startRegistry } from "../../src/testing/registry/registry.js";
import { validateImage } from "../../src/testing/validate-image.js";
import { buildChecked, buildOnly, filesOf, fresh, type TestOptions } from "../support/builds.js";
import { readImageArchive } from "../support/read-archive.js";
import { bytesFor } from "../support/registry.js";
import { tempFolder } from "../support/temp-folder.js";

const DOCKERFILE = "FROM scratch\nCOPY big /big\nCOPY small /d/small\nWORKDIR /w\nENV A=b\n";
const FILES = { big: "text ".repeat(100_000), small: { content: "s", mtime: 1_600_000_000 } };

async function layerEntries(layout: string, image: Image, at: number): Promise<readonly IndexedEntry[]> {
  const { blobs } = await openLayout(layout);
  const { descriptor } = image.layers.at(at)!;
  return (await indexTar(decompress(blobs.open(descriptor), descriptor.mediaType))).entries;
}

describe("several outputs of one build", () => {
  test("each get the image in the form they want, with every digest right", async () => {
    const dir = tempFolder();
    const options = fresh({ dockerfile: DOCKERFILE, files: FILES, tags: ["app:1"] });
    const built = await buildOnly({
      ...options,
      outputs: [
        ociArchive(join(dir, "gzip.tar")),
        `type=oci,dest=${join(dir, "plain")},tar=false,compression=uncompressed`,
        `type=oci,dest=${join(dir, "best.tar")},compression=gzip,compression-level=9`,
        dockerArchive(join(dir, "docker.tar")),
        rootfsFolder(join(dir, "rootfs")),
        rootfsTar(join(dir, "rootfs.tar")),
        localStore(),
      ],
    });
    expect(built.outputs).toHaveLength(7);
    const [gzip, plain, best] = built.outputs.map(({ descriptor }) => descriptor);
    expect(built.digest).toBe(gzip?.digest);
    const archive = await readImageArchive(join(dir, "gzip.tar"));
    const { images } = await validateImage(archive.blobs, gzip!);
    const inBest = await validateImage((await readImageArchive(join(dir, "best.tar"))).blobs, best!);
    const inPlain = await validateImage((await openLayout(join(dir, "plain"))).blobs, plain!);
    await validateImage((await openLayout(join(options.root, "images"))).blobs, built.descriptor);
    const types = (report: typeof inBest): string[] =>
      report.images[0]!.layers.map(({ descriptor }) => descriptor.mediaType);
    expect(new Set(types(inPlain))).toEqual(new Set(["application/vnd.oci.image.layer.v1.tar"]));
    expect(new Set(types(inBest))).toEqual(new Set(["application/vnd.oci.image.layer.v1.tar+gzip"]));
    expect(inBest.images[0]!.layers[0]!.descriptor.size).toBeLessThan(images[0]!.layers[0]!.descriptor.size);
    // However it is compressed, it is the same image.
    expect(inPlain.images[0]!.config).toEqual(images[0]!.config);
    expect(inBest.images[0]!.config).toEqual(images[0]!.config);
    expect(readFileSync(join(dir, "rootfs", "d", "small"), "utf8")).toBe("s");
    expect(statSync(join(dir, "rootfs.tar")).size).toBeGreaterThan(FILES.big.length);
  });

  test("remember what was compressed: the next build compresses nothing again", async () => {
    const options = fresh({ dockerfile: DOCKERFILE, files: FILES });
    const dir = tempFolder();
    const best = (name: string): string => `type=oci,dest=${join(dir, name)},compression=gzip,compression-level=9`;
    await buildOnly({ ...options, outputs: [ociArchive(join(dir, "a.tar")), best("b.tar")] });
    const blobs = join(options.root, "images", "blobs", "sha256");
    const before = readdirSync(blobs).map((name) => `${name} ${statSync(join(blobs, name)).ino}`);
    await buildOnly({ ...options, outputs: [best("c.tar"), ociArchive(join(dir, "d.tar"))] });
    expect(readdirSync(blobs).map((name) => `${name} ${statSync(join(blobs, name)).ino}`)).toEqual(before);
    expect(readFileSync(join(dir, "c.tar")).equals(readFileSync(join(dir, "b.tar")))).toBe(true);
    expect(readFileSync(join(dir, "d.tar")).equals(readFileSync(join(dir, "a.tar")))).toBe(true);
  });

  test("with force-compression layers of the base are compressed anew, without it they stay as they are", async () => {
    const base = join(tempFolder(), "base");
    await buildOnly(
      fresh({
        dockerfile: DOCKERFILE,
        files: FILES,
        outputs: [`type=oci,tar=false,dest=${base},compression=uncompressed`],
      }),
    );
    const options = {
      dockerfile: "FROM base\nCOPY small /more\n",
      files: FILES,
      buildContexts: { base: `oci-layout://${base}` },
    };
    const types = async (force: boolean): Promise<string[]> => {
      const out = join(tempFolder(), "out");
      const outputs = [`type=oci,tar=false,dest=${out},compression=gzip,force-compression=${force}`];
      const built = await buildOnly(fresh({ ...options, outputs }));
      await validateImage((await openLayout(out)).blobs, built.descriptor);
      return built.images[0]!.layers.map(({ descriptor }) => descriptor.mediaType.replace(/^.*layer\.v1\./, ""));
    };
    expect(await types(false)).toEqual(["tar", "tar", "tar", "tar+gzip"]);
    expect(await types(true)).toEqual(["tar+gzip", "tar+gzip", "tar+gzip", "tar+gzip"]);
  });

  test.skipIf(!isZstdAvailable())("zstd is a form like the others", async () => {
    const out = join(tempFolder(), "out");
    const outputs = [`type=oci,tar=false,dest=${out},compression=zstd`];
    const built = await buildOnly(fresh({ dockerfile: DOCKERFILE, files: FILES, outputs }));
    await validateImage((await openLayout(out)).blobs, built.descriptor);
    expect(built.images[0]!.layers[0]!.descriptor.mediaType).toBe("application/vnd.oci.image.layer.v1.tar+zstd");
  });

  test("cacheonly writes no image, and a build after it finds every step", async () => {
    const options = fresh({ dockerfile: DOCKERFILE, files: FILES });
    const built = await buildOnly({ ...options, outputs: ["type=cacheonly"] });
    expect(built.outputs).toEqual([]);
    expect((await buildChecked(options)).ran).toEqual([]);
  });

  test("annotations go to manifests, and to the index when they say so", async () => {
    const out = join(tempFolder(), "out");
    const built = await buildOnly(
      fresh({
        dockerfile: DOCKERFILE,
        files: FILES,
        annotations: { plain: "1", "index:top": "2", "manifest,index:both": "3" },
        outputs: [`type=oci,tar=false,dest=${out},annotation.own=4`],
      }),
    );
    await validateImage((await openLayout(out)).blobs, built.descriptor);
    expect(built.images[0]!.manifest.annotations).toEqual({ plain: "1", both: "3", own: "4" });
    expect(built.index?.index.annotations).toEqual({ top: "2", both: "3" });
  });

  test.each([
    [["type=oci,dest=-", "type=tar,dest=-"], "OPTIONS_INVALID"],
    [["type=oci"], "OPTIONS_INVALID"],
    [["type=registry"], "OPTIONS_INVALID"],
    [["type=oci,dest=x,annotation-index-descriptor.a=b"], "OPTIONS_UNSUPPORTED"],
    [["type=oci,tar=false"], "OPTIONS_INVALID"],
    [["type=oci,tar=false,dest=-"], "OPTIONS_INVALID"],
    [["type=docker,dest=x,oci-mediatypes=false,annotation.a=b"], "OPTIONS_INVALID"],
  ] as const)("%j is refused before anything is built", async (outputs, code) => {
    const events: string[] = [];
    const building = buildOnly(
      fresh({ dockerfile: DOCKERFILE, files: FILES, outputs, onEvent: ({ type }) => events.push(type) }),
    );
    await expect(building).rejects.toMatchObject({ code });
    expect(events).toEqual([]);
  });
});

describe("times", () => {
  async function timesOf(options: TestOptions): Promise<{ file: number; way: number; created: string | undefined }> {
    const out = join(tempFolder(), "out");
    const outputs = (options.outputs ?? [ociLayout(out)]).map((output) =>
      typeof output === "string" ? `${output},dest=${out}` : output,
    );
    const built = await buildOnly(fresh({ dockerfile: DOCKERFILE, files: FILES, ...options, outputs }));
    const entries = await layerEntries(out, built.images[0]!, 1);
    const way = entries.find(({ path }) => path === "d")!;
    return {
      file: entries.find(({ path }) => path === "d/small")!.mtimeSeconds,
      way: way.mtimeSeconds,
      created: built.images[0]!.config.created,
    };
  }

  test("of files are kept, and of what is made are now", async () => {
    const before = Math.floor(Date.now() / 1000);
    const { file, way, created } = await timesOf({});
    expect(file).toBe(1_600_000_000);
    expect(way).toBeGreaterThanOrEqual(before);
    expect(Date.parse(created!) / 1000).toBeGreaterThanOrEqual(before);
  });

  test("with SOURCE_DATE_EPOCH are the epoch for what is made, however it is given", async () => {
    const expected = { file: 1_600_000_000, way: 1_500_000_000, created: "2017-07-14T02:40:00Z" };
    expect(await timesOf({ sourceDateEpoch: 1_500_000_000 })).toEqual(expected);
    expect(await timesOf({ buildArgs: { SOURCE_DATE_EPOCH: "1500000000" } })).toEqual(expected);
  });

  test("with rewrite-timestamp no file is later than the epoch, and earlier ones stay", async () => {
    const outputs = ["type=oci,tar=false,rewrite-timestamp=true"];
    expect(await timesOf({ sourceDateEpoch: 1_500_000_000, outputs })).toMatchObject({ file: 1_500_000_000 });
    expect(await timesOf({ sourceDateEpoch: 1_700_000_000, outputs })).toMatchObject({ file: 1_600_000_000 });
  });

  test("when reproducible are the epoch everywhere", async () => {
    expect(await timesOf({ reproducible: true, sourceDateEpoch: 1_700_000_000 })).toEqual({
      file: 1_700_000_000,
      way: 1_700_000_000,
      created: "2023-11-14T22:13:20Z",
    });
    expect(await timesOf({ reproducible: true })).toMatchObject({ file: 315_532_800, created: "1980-01-01T00:00:00Z" });
  });

  test.each(["now", "1.5", "1e9", " 1", "0x10", "99999999999999"])("SOURCE_DATE_EPOCH %j is refused", async (value) => {
    const building = buildOnly(
      fresh({ dockerfile: DOCKERFILE, files: FILES, buildArgs: { SOURCE_DATE_EPOCH: value } }),
    );
    await expect(building).rejects.toMatchObject({ code: "OPTIONS_INVALID" });
  });
});

describe("a base image from a registry", () => {
  test("is asked for once, and again with pull; its layers are fetched when they are needed", async () => {
    await using registry = await startRegistry({ content: new RegistryContent() });
    const tag = `${registry.host}/base:1`;
    const base = { dockerfile: "FROM scratch\nCOPY f /f\n", tags: [tag], push: true };
    const first = await buildOnly(fresh({ ...base, files: { f: bytesFor("one", 10_000) } }));
    const layerPath = first.images[0]!.layers[0]!.descriptor.digest;
    const options = fresh({ dockerfile: `FROM ${tag}\nENV A=b\n`, files: {} });

    registry.forget();
    await buildOnly({ ...options, outputs: ["type=cacheonly"] });
    const asked = registry.requests.map(({ path }) => path);
    expect(asked.some((path) => path.includes("/manifests/"))).toBe(true);
    expect(asked.some((path) => path.includes(layerPath))).toBe(false);

    const one = await buildChecked(options);
    expect(registry.requests.some(({ path }) => path.includes(layerPath))).toBe(true);
    registry.forget();
    expect((await buildChecked(options)).digest).toBe(one.digest);
    expect(registry.requests).toEqual([]);

    await buildOnly(fresh({ ...base, files: { f: bytesFor("two", 10_000) } }));
    registry.forget();
    expect((await buildChecked(options)).digest).toBe(one.digest);
    expect(registry.requests).toEqual([]);
    const two = await buildChecked({ ...options, pull: true });
    expect(two.digest).not.toBe(one.digest);
    expect((await two.readFile("/f")).equals(bytesFor("two", 10_000))).toBe(true);
  });
});

describe("what a build gives", () => {
  test("can be looked into: files with their metadata, links followed when they are read", async () => {
    const files = {
      "bin/tool": { content: "tool", mode: 0o755 },
      "etc/link": { type: "symlink", target: "../bin/tool" },
      "etc/loop": { type: "symlink", target: "loop" },
    } as const;
    const built = await buildChecked(fresh({ dockerfile: "FROM scratch\nCOPY --chown=3:4 . /\n", files }));
    expect(await filesOf(built)).toEqual([
      "/bin/ 755 3:4",
      "/bin/tool 755 3:4",
      "/etc/ 755 3:4",
      "/etc/link -> ../bin/tool",
      "/etc/loop -> loop",
    ]);
    expect((await built.readFile("/etc/link")).toString()).toBe("tool");
    expect((await built.readFile("bin/../etc/./link")).toString()).toBe("tool");
    await expect(built.readFile("/none")).rejects.toMatchObject({ code: "LAYER_COPY" });
    await expect(built.readFile("/bin")).rejects.toMatchObject({ code: "LAYER_COPY" });
    await expect(built.readFile("/etc/loop")).rejects.toMatchObject({ code: "TREE_LINK_LOOP" });
  });

  test("of a scratch image without layers is an image all the same", async () => {
    const built = await buildChecked(fresh({ dockerfile: "FROM scratch\n" }));
    expect(built.images[0]!.layers).toEqual([]);
    expect(await filesOf(built)).toEqual([]);
  });

  test("of hard links, also after one of them was replaced, is the right content each", async () => {
    const files = { a: "old", b: { type: "hardlink", target: "a" } } as const;
    const one = "FROM scratch AS one\nCOPY . /\n";
    const two = "FROM one AS two\nCOPY <<a <<c /\nnew\na\nother\nc\n";
    const dockerfile = `${one}${two}FROM scratch\nCOPY --from=two / /copy/\n`;
    const built = await buildChecked(fresh({ dockerfile, files }));
    const contents = async (name: string): Promise<string> => (await built.readFile(`/copy/${name}`)).toString();
    expect([await contents("a"), await contents("b"), await contents("c")]).toEqual(["new\n", "old", "other\n"]);
  });
});
