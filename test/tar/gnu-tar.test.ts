import { spawnSync } from "node:child_process";
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { TarEntry } from "../../src/tar/entry.js";
import { requireTool } from "../support/tools.js";
import { arbitraryEntry } from "./arbitrary.js";
import { type OtherReader, readByOther, readByUs } from "./differential.js";
import { entryOf, headerOf, readAll, tarOf } from "./support.js";

function tar(...args: readonly string[]): Buffer {
  const result = spawnSync("tar", args, { env: { ...process.env, LC_ALL: "C", TZ: "UTC" }, maxBuffer: 2 ** 28 });
  if (result.error !== undefined) throw result.error;
  if (result.status !== 0) throw new Error(`tar ${args.join(" ")}: ${result.stderr.toString()}`);
  return result.stdout;
}

const tools: readonly (readonly [OtherReader, readonly string[]])[] = [
  ["gnu", ["tar", "sh"]],
  ["python", ["python3"]],
];

for (const [reader, programs] of tools) {
  describe.runIf(requireTool(...programs))(`what we write, read by ${reader}`, () => {
    it("U13 C10: is what we wrote, whatever the names, ids, modes, times and links", () => {
      const archives = fc
        .sample(fc.array(arbitraryEntry(1500), { minLength: 1, maxLength: 4 }), { seed: 7, numRuns: 120 })
        .map((entries) => tarOf(entries.map((entry) => (reader === "gnu" ? listableByGnu(entry) : entry))));
      const readings = readByOther(reader, archives);
      archives.forEach((bytes, index) => {
        expect(readings[index]).toEqual(readByUs(bytes));
      });
    });
  });
}

/** GNU tar lists a fraction of a second before 1970 wrongly (it extracts it right, see below). */
function listableByGnu(entry: TarEntry): TarEntry {
  return entry.mtimeSeconds < 0 ? { ...entry, mtimeNanos: 0 } : entry;
}

describe.runIf(requireTool("tar"))("with GNU tar", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "ocibuild-gnu-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it("extracts what we write: content, modes, links, times before 1970 and after 2038, odd names", () => {
    const long = `${"long-directory-name/".repeat(14)}file`;
    const names = ["plain", "日本", "raw-\xff\xfe-byte", "new\nline", "-leading", "n".repeat(200), long];
    const times = [
      [-2, 750_000_000],
      [-1, 0],
      [0, 1],
      [2 ** 31 + 5, 123_456_789],
      [1_700_000_000, 999_999_999],
      [1, 0],
      [2, 0],
    ] as const;
    const entries = names.map((name, index): TarEntry => {
      const [mtimeSeconds, mtimeNanos] = times[index]!;
      return entryOf({ path: name, size: 100 * index, mode: 0o600 + index, mtimeSeconds, mtimeNanos });
    });
    const link = entryOf({ path: "link", type: "symlink", linkname: "t".repeat(150), mode: 0o777 });
    const hard = entryOf({
      path: "hard",
      type: "hardlink",
      linkname: "plain",
      mode: 0o600,
      mtimeSeconds: -2,
      mtimeNanos: 750_000_000,
    });
    const contents = new Map(entries.map((entry, index) => [index, Buffer.alloc(entry.size, index + 65)]));
    writeFileSync(join(folder, "in.tar"), tarOf([...entries, link, hard], contents));
    mkdirSync(join(folder, "out"));
    tar(
      "--extract",
      "--no-same-owner",
      "--same-permissions",
      "--warning=no-timestamp",
      "-f",
      join(folder, "in.tar"),
      "-C",
      join(folder, "out"),
    );
    entries.forEach((entry, index) => {
      const path = Buffer.concat([Buffer.from(`${folder}/out/`), Buffer.from(entry.path, "latin1")]);
      const stat = lstatSync(path, { bigint: true });
      expect(Number(stat.mode & 0o7777n)).toBe(entry.mode);
      expect(stat.mtimeNs).toBe(BigInt(entry.mtimeSeconds) * 1_000_000_000n + BigInt(entry.mtimeNanos));
      expect(readFileSync(path).equals(contents.get(index)!)).toBe(true);
    });
    expect(readlinkSync(join(folder, "out/link"))).toBe("t".repeat(150));
    expect(lstatSync(join(folder, "out/hard")).ino).toBe(lstatSync(join(folder, "out/plain")).ino);
  });

  it("skips files over 8 GiB of ours by the size we wrote", () => {
    const file = join(folder, "big.tar");
    const size = 9 * 1024 ** 3 + 1;
    const header = headerOf(entryOf({ path: "big", size }));
    writeFileSync(file, header);
    truncateSync(file, header.length + size + 511);
    writeFileSync(file, tarOf([entryOf({ path: "after" })]), { flag: "a" });
    expect(tar("--list", "-f", file).toString()).toBe("big\nafter\n");
  });

  it("lists the xattrs we write, with their length", () => {
    const xattrs = new Map([
      ["security.capability", Buffer.from([1, 0, 0, 2, 0, 10, 61])],
      ["user.empty", Buffer.alloc(0)],
    ]);
    writeFileSync(join(folder, "x.tar"), tarOf([entryOf({ path: "a", xattrs: xattrs as never })]));
    const listing = tar("--list", "-vv", "--xattrs", "--xattrs-include=*", "-f", join(folder, "x.tar")).toString();
    expect(listing).toMatch(/x: 7 security\.capability/);
    expect(listing).toMatch(/x: 0 user\.empty/);
  });

  it.each(["posix", "gnu", "ustar", "v7", "oldgnu"])("U9: reads what it writes in format %s", (format) => {
    const source = join(folder, "src");
    mkdirSync(join(source, "dir"), { recursive: true });
    const names = [
      "dir/file",
      "dir/setuid",
      "b",
      ...(format === "posix" || format.includes("gnu") ? ["n".repeat(220), "日"] : []),
    ];
    names.forEach((name, index) => {
      writeFileSync(join(source, name), "x".repeat(index * 700));
      chmodSync(join(source, name), index === 1 ? 0o4755 : 0o640);
      utimesSync(join(source, name), 1, 1_600_000_000 + index + (format === "posix" ? 0.5 : 0));
    });
    symlinkSync("dir/file", join(source, "link"));
    linkSync(join(source, "b"), join(source, "hard"));
    const read = readAll(tar("--create", `--format=${format}`, "--sort=name", "-C", source, "-f", "-", "."));
    const byPath = new Map(read.map((item) => [item.entry.path as string, item]));
    expect([...byPath.keys()]).toHaveLength(names.length + 4);
    expect(byPath.get("")?.entry.type).toBe("dir");
    names.forEach((name, index) => {
      const item = byPath.get(Buffer.from(name).toString("latin1"))!;
      const target = item.entry.type === "hardlink" ? byPath.get(item.entry.linkname)! : item;
      expect(target.content.toString()).toBe("x".repeat(index * 700));
      expect(item.entry).toMatchObject({
        mode: index === 1 ? 0o4755 : 0o640,
        mtimeSeconds: 1_600_000_000 + index,
        mtimeNanos: format === "posix" ? 500_000_000 : 0,
        uid: process.getuid?.() ?? 0,
      });
    });
    expect(byPath.get("link")?.entry).toMatchObject({ type: "symlink", linkname: "dir/file" });
  });

  it.each(["gnu", "posix", "posix --sparse-version=0.0", "posix --sparse-version=0.1"])(
    "refuses its sparse files by name (%s)",
    (format) => {
      const source = join(folder, "holes");
      writeFileSync(source, "begin");
      truncateSync(source, 1024 * 1024);
      const args = format.split(" ");
      const made = tar(
        "--create",
        `--format=${args[0]}`,
        ...args.slice(1),
        "--sparse",
        "-C",
        folder,
        "-f",
        "-",
        "holes",
      );
      expect(() => readAll(made)).toThrow(
        expect.objectContaining({ code: "TAR_UNSUPPORTED", message: expect.stringContaining('"holes"') }),
      );
    },
  );
});
