import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../src/cache/memory-blobs.js";
import type { BuildResult } from "../../src/output/exporter.js";
import { FolderWriter } from "../../src/output/folder-writer.js";
import { rootfsFolder } from "../../src/output/rootfs-folder.js";
import { rootfsTar } from "../../src/output/rootfs-tar.js";
import { bytesOf } from "../../src/util/bytes.js";
import { folderSnapshot } from "../support/folder-snapshot.js";
import { buildResult, type FileSpec, layerEntry, tarOf } from "../support/images.js";
import { tempFolder } from "../support/temp-folder.js";

const blobs = new MemoryBlobs();

/** A build whose root file system has exactly these entries. */
async function build(files: readonly FileSpec[], platforms: readonly string[] = ["linux/amd64"]): Promise<BuildResult> {
  const { result } = await buildResult(platforms.map((platform) => ({ platform })));
  return { ...result, rootfs: () => files.map(layerEntry) };
}

const TREE: readonly FileSpec[] = [
  { path: "", type: "dir", mode: 0o700 },
  { path: "bin", type: "dir", mode: 0o555 },
  { path: "bin/sh", content: "#!", mode: 0o755, uid: 1000, gid: 1000 },
  { path: "bin/ash", type: "symlink", linkname: "sh" },
  { path: "bin/hard", type: "hardlink", linkname: "bin/sh" },
  { path: "empty", content: "", mode: 0o600 },
  { path: "old", content: "1", mtimeSeconds: -1_000_000_000 },
  { path: "big", content: "x".repeat(2_500_000) },
];

describe("a root file system as a tar", () => {
  it("has every entry but the root, with ids, modes and times as in the image", async () => {
    const path = join(tempFolder(), "rootfs.tar");
    await rootfsTar({ path }).export(await build(TREE), blobs);
    expect(readFileSync(path).equals(tarOf(TREE.slice(1)))).toBe(true);
  });

  it("has a folder for each platform, hard links inside it", async () => {
    const path = join(tempFolder(), "rootfs.tar");
    const files: FileSpec[] = [
      { path: "a", content: "x" },
      { path: "b", type: "hardlink", linkname: "a" },
      { path: "c", type: "symlink", linkname: "/a" },
    ];
    await rootfsTar({ path }, { epochSeconds: 5 }).export(await build(files, ["linux/amd64", "linux/arm/v7"]), blobs);
    const placed = ["linux_amd64", "linux_arm_v7"].flatMap((folder): FileSpec[] => [
      { path: folder, type: "dir", mtimeSeconds: 5 },
      { path: `${folder}/a`, content: "x", mtimeSeconds: 5 },
      { path: `${folder}/b`, type: "hardlink", linkname: `${folder}/a`, mtimeSeconds: 5 },
      { path: `${folder}/c`, type: "symlink", linkname: "/a", mtimeSeconds: 5 },
    ]);
    expect(readFileSync(path).equals(tarOf(placed))).toBe(true);
  });

  it("has a folder for a single platform too when asked to, and refuses to mix several", async () => {
    const path = join(tempFolder(), "rootfs.tar");
    await rootfsTar({ path }, { platformSplit: true }).export(await build([{ path: "a" }]), blobs);
    expect(readFileSync(path).toString("latin1", 0, 12)).toBe("linux_amd64/");
    const two = await build([{ path: "a" }], ["linux/amd64", "linux/arm64"]);
    await expect(rootfsTar({ path }, { platformSplit: false }).export(two, blobs)).rejects.toMatchObject({
      code: "OUTPUT_INVALID",
    });
  });

  it("is the same whatever the sizes of files are beside the chunks", async () => {
    for (const size of [0, 1, 511, 512, 513, 1_047_000, 1_048_064, 1_048_576, 1_048_577, 2_097_152]) {
      const files: FileSpec[] = [
        { path: "a", content: Buffer.alloc(size, 7) },
        { path: "b", content: "b" },
        { path: "c".repeat(300), content: "c" },
      ];
      const path = join(tempFolder(), "rootfs.tar");
      await rootfsTar({ path }).export(await build(files), blobs);
      expect(readFileSync(path).equals(tarOf(files))).toBe(true);
    }
  });

  it("leaves nothing behind when a file turns out shorter than it was, or on abort", async () => {
    const dir = tempFolder();
    const result = await build([]);
    const short = {
      ...layerEntry({ path: "a", content: "x" }),
      entry: layerEntry({ path: "a", content: "xyz" }).entry,
    };
    await expect(
      rootfsTar({ path: join(dir, "a.tar") }).export({ ...result, rootfs: () => [short] }, blobs),
    ).rejects.toMatchObject({
      code: "OUTPUT_FAILED",
      message: expect.stringContaining("shorter"),
    });
    const abort = new AbortController();
    const reason = new Error("stop");
    const entries = function* () {
      for (let at = 0; ; at++) {
        if (at === 5) abort.abort(reason);
        yield layerEntry({ path: `f${at}`, content: "x".repeat(1_000_000) });
      }
    };
    await expect(
      rootfsTar({ path: join(dir, "a.tar") }).export({ ...result, rootfs: entries }, blobs, abort),
    ).rejects.toBe(reason);
    expect(readdirSync(dir)).toEqual([]);
  });

  it("needs the files", async () => {
    const { result } = await buildResult();
    const { rootfs: _, ...without } = result;
    for (const exporter of [rootfsTar({ path: "x" }), rootfsFolder("x")]) {
      await expect(exporter.export(without, blobs)).rejects.toMatchObject({ code: "OUTPUT_INVALID" });
    }
  });
});

describe("a root file system as a folder", () => {
  it("has modes, times and links of the image and belongs to the user", async () => {
    const path = join(tempFolder(), "new", "out");
    const exported = await rootfsFolder(path).export(await build(TREE), blobs);
    expect(exported.warnings).toEqual([]);
    expect(statSync(join(path, "bin")).mode & 0o7777).toBe(0o555);
    expect(statSync(join(path, "bin/sh")).mode & 0o7777).toBe(0o755);
    expect(statSync(join(path, "bin/sh")).uid).toBe(process.getuid?.() ?? 0);
    expect(statSync(join(path, "bin/hard")).ino).toBe(statSync(join(path, "bin/sh")).ino);
    expect(readlinkSync(join(path, "bin/ash"))).toBe("sh");
    expect(lstatSync(join(path, "bin/ash")).mtimeMs).toBe(1_700_000_000_000);
    expect(statSync(join(path, "bin")).mtimeMs).toBe(1_700_000_000_000);
    expect(statSync(join(path, "old")).mtimeMs).toBe(-1_000_000_000_000);
    expect(statSync(join(path, "big")).size).toBe(2_500_000);
    chmodSync(join(path, "bin"), 0o755);
  });

  it("keeps setuid and setgid only where the owner stays the same", () => {
    const dir = tempFolder();
    using writer = new FolderWriter(dir, dir, { uid: 1000, gid: 1000 });
    for (const [path, uid, gid] of [
      ["both", 1000, 1000],
      ["uid", 1000, 0],
      ["gid", 0, 1000],
      ["none", 0, 0],
    ] as const) {
      writer.write(layerEntry({ path, mode: 0o6755, uid, gid }));
    }
    writer.finish();
    const modes = ["both", "uid", "gid", "none"].map((path) => (statSync(join(dir, path)).mode & 0o7777).toString(8));
    expect(modes).toEqual(["6755", "4755", "2755", "755"]);
  });

  it("says what it could not keep", async () => {
    const path = join(tempFolder(), "out");
    const { warnings } = await rootfsFolder(path).export(
      await build([
        { path: "null", type: "char", devMajor: 1, devMinor: 3 },
        { path: "pipe", type: "fifo" },
        { path: "ping", content: "x", xattrs: new Map([[bytesOf("security.capability"), Buffer.from([1])]]) },
      ]),
      blobs,
    );
    expect(readdirSync(path)).toEqual(["ping"]);
    expect(warnings).toEqual([
      `2 devices and FIFOs were left out of "${path}": "null", "pipe"`,
      `1 files lost their extended attributes in "${path}": "ping"`,
    ]);
  });

  it("is merged into an existing folder: others' files stay, files and links of the same name are replaced", async () => {
    const path = join(tempFolder(), "out");
    mkdirSync(join(path, "bin"), { recursive: true });
    writeFileSync(join(path, "bin", "mine"), "mine");
    writeFileSync(join(path, "empty"), "old content");
    symlinkSync("nowhere", join(path, "old"));
    await rootfsFolder(path).export(await build(TREE), blobs);
    expect(readFileSync(join(path, "bin", "mine"), "utf8")).toBe("mine");
    expect(readFileSync(join(path, "empty"), "utf8")).toBe("");
    expect(lstatSync(join(path, "old")).isFile()).toBe(true);
    chmodSync(join(path, "bin"), 0o755);
  });

  it("does not delete a folder of the user's that a file would replace", async () => {
    const path = join(tempFolder(), "out");
    mkdirSync(join(path, "empty"), { recursive: true });
    writeFileSync(join(path, "empty", "precious"), "x");
    await expect(rootfsFolder(path).export(await build(TREE), blobs)).rejects.toMatchObject({
      code: "OUTPUT_INVALID",
      message: expect.stringContaining("a folder is in the way"),
    });
    expect(readFileSync(join(path, "empty", "precious"), "utf8")).toBe("x");
    chmodSync(join(path, "bin"), 0o755);
  });

  it("appears when it is complete: nothing is left of one that failed or was aborted", async () => {
    const dir = tempFolder();
    const result = await build([]);
    const failing = function* () {
      yield* TREE.map(layerEntry);
      throw new Error("no more");
    };
    await expect(rootfsFolder(join(dir, "out")).export({ ...result, rootfs: failing }, blobs)).rejects.toMatchObject({
      code: "OUTPUT_FAILED",
    });
    const abort = new AbortController();
    const reason = new Error("stop");
    const endless = function* () {
      for (let at = 0; ; at++) {
        if (at === 300) abort.abort(reason);
        yield layerEntry({ path: `f${at}` });
      }
    };
    await expect(rootfsFolder(join(dir, "out")).export({ ...result, rootfs: endless }, blobs, abort)).rejects.toBe(
      reason,
    );
    expect(readdirSync(dir)).toEqual([]);
  });

  it("has sub-folders for several platforms and for one when asked to", async () => {
    const path = join(tempFolder(), "out");
    await rootfsFolder(path).export(await build([{ path: "a" }], ["linux/amd64", "linux/arm64"]), blobs);
    expect(readdirSync(path).sort()).toEqual(["linux_amd64", "linux_arm64"]);
    const single = join(tempFolder(), "out");
    await rootfsFolder(single, { platformSplit: true, epochSeconds: 7 }).export(await build([{ path: "a" }]), blobs);
    expect(statSync(join(single, "linux_amd64", "a")).mtimeMs).toBe(7000);
  });

  it("makes parents that have no entry of their own", async () => {
    const path = join(tempFolder(), "out");
    await rootfsFolder(path).export(await build([{ path: "a/b/c", content: "x" }]), blobs);
    expect(statSync(join(path, "a/b")).mode & 0o777).toBe(0o755);
  });

  it("keeps names that are not UTF-8", async () => {
    const path = join(tempFolder(), "out");
    const entry = layerEntry({ path: "x" });
    const raw = { ...entry, entry: { ...entry.entry, path: "caf\xe9" as typeof entry.entry.path } };
    await rootfsFolder(path).export({ ...(await build([])), rootfs: () => [raw] }, blobs);
    expect(readdirSync(path, { encoding: "buffer" as BufferEncoding }) as unknown as Buffer[]).toEqual([
      Buffer.from("caf\xe9", "latin1"),
    ]);
  });
});

describe("U15: an export never leaves its folder", () => {
  /** A folder with a canary outside of the destination. */
  function canary(): { dir: string; out: string; outside: string; unchanged: () => void } {
    const dir = tempFolder();
    const outside = join(dir, "outside");
    const out = join(dir, "out");
    mkdirSync(join(outside, "sub"), { recursive: true });
    mkdirSync(out);
    writeFileSync(join(outside, "canary"), "alive");
    const before = folderSnapshot(outside);
    return {
      dir,
      out,
      outside,
      unchanged: () => {
        expect(folderSnapshot(outside)).toEqual(before);
        expect(statSync(join(outside, "canary")).nlink).toBe(1);
        expect(readdirSync(dir).sort()).toEqual(["out", "outside"]);
      },
    };
  }

  it("replaces links that lie in the destination instead of following them", async () => {
    const { out, outside, unchanged } = canary();
    symlinkSync(outside, join(out, "etc"));
    symlinkSync(join(outside, "canary"), join(out, "file"));
    linkSync(join(outside, "canary"), join(out, "hard"));
    await rootfsFolder(out).export(
      await build([
        { path: "etc", type: "dir" },
        { path: "etc/canary", content: "dead" },
        { path: "file", content: "dead", mode: 0o777 },
        { path: "hard", content: "dead" },
      ]),
      blobs,
    );
    unchanged();
    expect(readFileSync(join(out, "etc", "canary"), "utf8")).toBe("dead");
  });

  it("replaces links even where the parent has no entry of its own", async () => {
    const { out, outside, unchanged } = canary();
    symlinkSync(outside, join(out, "etc"));
    await rootfsFolder(out).export(await build([{ path: "etc/sub/x", content: "dead" }]), blobs);
    unchanged();
  });

  it.each<[string, readonly FileSpec[]]>([
    ["..", [{ path: "../outside/canary", content: "dead" }]],
    [".. inside", [{ path: "a/../../outside/canary", content: "dead" }]],
    ["an absolute name", [{ path: "/outside/canary", content: "dead" }]],
    ["a dot", [{ path: "./x", content: "dead" }]],
    ["an empty component", [{ path: "a//b", content: "dead" }]],
    ["NUL", [{ path: "a\0b", content: "dead" }]],
    ["a trailing slash", [{ path: "a/", content: "dead" }]],
    ["a hard link to ..", [{ path: "x", type: "hardlink", linkname: "../outside/canary" }]],
    ["a hard link to nothing", [{ path: "x", type: "hardlink", linkname: "y" }]],
    [
      "a hard link through a symlink",
      [
        { path: "l", type: "symlink", linkname: "../outside" },
        { path: "x", type: "hardlink", linkname: "l/canary" },
      ],
    ],
    [
      "a hard link to a symlink's target",
      [
        { path: "l", type: "symlink", linkname: "../outside/canary" },
        { path: "x", type: "hardlink", linkname: "m" },
      ],
    ],
    [
      "the same name twice",
      [
        { path: "x", content: "a" },
        { path: "x", content: "b" },
      ],
    ],
  ])("refuses %s", async (_, files) => {
    const { out, unchanged } = canary();
    await expect(rootfsFolder(out).export(await build(files), blobs)).rejects.toMatchObject({ code: "OUTPUT_INVALID" });
    unchanged();
  });

  it("keeps links of the image as they are, without following them", async () => {
    const { out, outside, unchanged } = canary();
    await rootfsFolder(out).export(
      await build([
        { path: "abs", type: "symlink", linkname: join(outside, "canary") },
        { path: "rel", type: "symlink", linkname: "../outside/canary" },
        { path: "again", type: "hardlink", linkname: "rel" },
      ]),
      blobs,
    );
    unchanged();
    expect(readlinkSync(join(out, "again"))).toBe("../outside/canary");
  });

  it("does not write through a link that an earlier entry made", async () => {
    const { out, unchanged } = canary();
    // No merged file system has this; a broken one must not get out.
    const refused = rootfsFolder(out).export(
      await build([
        { path: "l", type: "symlink", linkname: "../outside" },
        { path: "l/canary", content: "dead" },
      ]),
      blobs,
    );
    await refused.catch(() => undefined);
    unchanged();
  });

  it("makes no folder of a platform that is a path", async () => {
    const { out, unchanged } = canary();
    for (const os of ["../outside", "..", ".", "a\0b", "a\\b", "x".repeat(300)]) {
      const result = await build([{ path: "x" }]);
      const image = { ...result.images[0]!, config: { ...result.images[0]!.config, os } };
      await expect(
        rootfsFolder(out, { platformSplit: true }).export({ ...result, images: [image] }, blobs),
      ).rejects.toMatchObject({ code: "OUTPUT_INVALID" });
    }
    unchanged();
    expect(readdirSync(out)).toEqual([]);
  });

  it("is refused where a file stands", async () => {
    const dir = tempFolder();
    writeFileSync(join(dir, "file"), "x");
    await expect(rootfsFolder(join(dir, "file")).export(await build(TREE), blobs)).rejects.toMatchObject({
      code: "OUTPUT_INVALID",
    });
    expect(existsSync(join(dir, "file"))).toBe(true);
  });
});
