import { describe, expect, test } from "vitest";
import { buildChecked, filesOf, fresh } from "../support/builds.js";
import { tempFolder } from "../support/temp-folder.js";

const DOCKERFILE = `FROM scratch AS one
COPY a /a
WORKDIR /w
FROM scratch
COPY --from=one / /
COPY b /b
`;
const FILES = { a: "first", b: "second" };

describe("a second build", () => {
  test("of the same takes every step from the cache and gives the same digest", async () => {
    const options = fresh({ dockerfile: DOCKERFILE, files: FILES });
    const first = await buildChecked(options);
    const second = await buildChecked(options);
    expect(first.cached).toEqual([]);
    expect(second.ran).toEqual([]);
    expect(second.cached).toEqual(first.ran);
    expect(second.digest).toBe(first.digest);
  });

  test("with noCache runs every step again", async () => {
    const options = fresh({ dockerfile: DOCKERFILE, files: FILES });
    const first = await buildChecked(options);
    const again = await buildChecked({ ...options, noCache: true });
    expect(again.cached).toEqual([]);
    expect(again.ran.toSorted()).toEqual(first.ran.toSorted());
  });

  test("with noCache for a stage runs that stage again, by its name in any case or its number", async () => {
    const options = fresh({ dockerfile: DOCKERFILE, files: FILES, sourceDateEpoch: 1_700_000_000 });
    await buildChecked(options);
    for (const filter of ["one", "ONE", "0"]) {
      const again = await buildChecked({ ...options, noCache: [filter] });
      expect(again.ran).toEqual(["COPY a /a", "WORKDIR /w"]);
      // What ran again made the same bytes, so what follows is found again.
      expect(again.cached.toSorted()).toEqual(["COPY / /", "COPY b /b"]);
    }
  });

  test("with noCache for one of two stages with the same step runs it for that stage", async () => {
    const twins = "FROM scratch AS one\nCOPY a /a\nFROM scratch AS two\nCOPY a /a\nCOPY --from=one /a /b\n";
    const options = fresh({ dockerfile: twins, files: FILES });
    await buildChecked(options);
    const again = await buildChecked({ ...options, noCache: ["two"] });
    expect(again.ran.filter((step) => step === "COPY a /a")).toHaveLength(1);
  });

  test("with another file runs what reads it and what stands above it", async () => {
    const options = fresh({ dockerfile: DOCKERFILE, files: FILES });
    await buildChecked(options);
    const changed = await buildChecked({ ...options, files: { ...FILES, b: "other" } });
    expect(changed.ran).toEqual(["COPY b /b"]);
    const both = await buildChecked({ ...options, files: { ...FILES, a: "other" } });
    expect(both.cached).toEqual([]);
  });

  test("with other times of the same files changes nothing", async () => {
    const options = fresh({ dockerfile: "FROM scratch\nCOPY . /\n" });
    const first = await buildChecked({ ...options, files: { a: { content: "a", mtime: 1000 } } });
    const second = await buildChecked({ ...options, files: { a: { content: "a", mtime: 2000 } } });
    expect(second.cached).toEqual(["COPY . /"]);
    expect(second.digest).toBe(first.digest);
  });

  test("at the same time, from other contexts whose files have other times, gives all one image", async () => {
    const options = fresh({ dockerfile: "FROM scratch\nCOPY . /\n" });
    const at = (mtime: number) =>
      buildChecked({ ...options, cwd: tempFolder(), files: { a: { content: "a", mtime } } });
    const together = await Promise.all([at(1000), at(2000), at(3000)]);
    const after = await at(4000);
    expect(after.cached).toEqual(["COPY . /"]);
    expect(new Set([...together, after].map(({ digest }) => digest)).size).toBe(1);
  });

  test("in another store is the same when it is reproducible", async () => {
    const at = (mtime: number) => ({ "d/a": { content: "a", mtime }, b: { content: "b", mtime: mtime + 1 } });
    const dockerfile = "FROM scratch\nCOPY . /x/\nWORKDIR /w\nCOPY <<EOF /here\ntext\nEOF\n";
    const first = await buildChecked(fresh({ dockerfile, files: at(1000), reproducible: true }));
    const second = await buildChecked(fresh({ dockerfile, files: at(99_000), reproducible: true }));
    expect(second.digest).toBe(first.digest);
    expect(first.images[0]?.config.created).toBe("1980-01-01T00:00:00Z");
  });
});

describe("steps that are alike", () => {
  test("are done once for all platforms", async () => {
    const options = fresh({ dockerfile: DOCKERFILE, files: FILES, platforms: ["linux/amd64", "linux/arm64"] });
    const built = await buildChecked(options);
    expect(built.ran).toHaveLength(4);
    expect(built.cached).toHaveLength(4);
    const [amd64, arm64] = built.images;
    expect(arm64?.layers).toEqual(amd64?.layers);
    expect(arm64?.descriptor.digest).not.toBe(amd64?.descriptor.digest);
    expect(built.index?.index.manifests).toHaveLength(2);
    expect(await filesOf(built, arm64)).toEqual(await filesOf(built, amd64));
  });

  test("below a different base are not", async () => {
    const dockerfile =
      "FROM scratch AS a\nCOPY a /x\nFROM scratch AS b\nCOPY b /x\nFROM a AS c\nWORKDIR /w\nFROM b\nWORKDIR /w\nCOPY --from=c /x /y\n";
    const built = await buildChecked(fresh({ dockerfile, files: FILES }));
    expect((await built.readFile("/x")).toString()).toBe("second");
    expect((await built.readFile("/y")).toString()).toBe("first");
    expect(built.ran.filter((step) => step === "WORKDIR /w")).toHaveLength(2);
  });
});
