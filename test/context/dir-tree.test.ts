import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { dirTree } from "../../src/context/dir-tree.js";
import { openStatCache } from "../../src/context/stat-cache.js";
import { type ErrorCode, isOcibuildError } from "../../src/errors.js";
import { filteredTree } from "../../src/tree/filtered-tree.js";
import { matcherForPatterns } from "../../src/tree/ignore-matcher.js";
import { walkTree } from "../../src/tree/walk.js";
import type { ByteString } from "../../src/util/bytes.js";
import { fileTreeContract } from "../contract/file-tree.js";
import { bundleScript } from "../support/child.js";
import { tempFolder } from "../support/temp-folder.js";
import { nodeAt, p, pathsIn, readAll } from "../support/trees.js";
import { writeFiles } from "../support/write-files.js";

const IS_ROOT = process.getuid?.() === 0;

function failsWith(code: ErrorCode): unknown {
  return expect.toSatisfy((error) => isOcibuildError(error, code), code);
}

describe("as every tree", () => {
  fileTreeContract((files) => {
    const folder = tempFolder();
    writeFiles(folder, files);
    return dirTree(folder);
  });
});

test("files belong to root, with their modes and their exact times", () => {
  const folder = tempFolder();
  writeFiles(folder, { f: { content: "", mode: 0o4750 } });
  execFileSync("touch", ["-d", "1969-12-31T23:59:58.123456789Z", join(folder, "f")]);
  expect(nodeAt(dirTree(folder), "f")).toMatchObject({
    uid: 0,
    gid: 0,
    mode: 0o4750,
    mtimeSeconds: -2,
    mtimeNanos: 123_456_789,
    xattrs: undefined,
  });
});

describe("C8: a file that changes while it is read is an error", () => {
  const before = "0123456789";
  const changes: readonly (readonly [string, (file: string, folder: string) => void])[] = [
    ["it shrinks", (file) => truncateSync(file, 3)],
    ["it grows", (file) => appendFileSync(file, "more")],
    ["it is rewritten with the same size", (file) => rewrite(file, "9876543210")],
    ["it is deleted", (file) => unlinkSync(file)],
    ["it is replaced", (file) => replace(file, "abcdefghij")],
    ["it is renamed", (file) => renameSync(file, `${file}.old`)],
  ];

  test.each(changes)("when %s before it is opened", (_, change) => {
    const { tree, file, folder } = makeTree();
    const node = nodeAt(tree, "d/f");
    change(file, folder);
    expect(() => readAll(tree, "d/f", node)).toThrow(failsWith("CONTEXT_CHANGED"));
  });

  test.each(changes)("when %s between its first and its last byte", (_, change) => {
    const { tree, file, folder } = makeTree();
    const reader = tree.open(p("d/f"), nodeAt(tree, "d/f"));
    const target = Buffer.alloc(20, ".");
    expect(reader.read(target, 0, 4)).toBe(4);
    change(file, folder);
    const finish = (): void => {
      try {
        while (reader.read(target, 0, 20) > 0);
      } finally {
        reader.close();
      }
    };
    expect(finish).toThrow(failsWith("CONTEXT_CHANGED"));
  });

  test.each(changes)("when %s after its last byte", (_, change) => {
    const { tree, file, folder } = makeTree();
    const reader = tree.open(p("d/f"), nodeAt(tree, "d/f"));
    expect(reader.read(Buffer.alloc(20), 0, 20)).toBe(10);
    change(file, folder);
    expect(() => reader.close()).toThrow(failsWith("CONTEXT_CHANGED"));
  });

  test.each([
    ["a folder", (path: string) => mkdirSync(path)],
    ["a link to an equal file", (path: string) => symlinkSync("g", path)],
    ["a pipe", (path: string) => execFileSync("mkfifo", [path])],
  ])("when %s takes its place", (_, make) => {
    const { tree, file, folder } = makeTree();
    writeFileSync(join(folder, "d/g"), before);
    const node = nodeAt(tree, "d/f");
    unlinkSync(file);
    make(file);
    expect(() => readAll(tree, "d/f", node)).toThrow(failsWith("CONTEXT_CHANGED"));
  });

  test("when its folder becomes a link to another", () => {
    const { tree, folder } = makeTree();
    const node = nodeAt(tree, "d/f");
    mkdirSync(join(folder, "e"));
    writeFileSync(join(folder, "e/f"), before);
    renameSync(join(folder, "d"), join(folder, "old"));
    symlinkSync("e", join(folder, "d"));
    expect(() => readAll(tree, "d/f", node)).toThrow(failsWith("CONTEXT_CHANGED"));
    expect(() => tree.list(p("d"))).toThrow(failsWith("CONTEXT_CHANGED"));
  });

  test("when a folder goes before it is listed", () => {
    const { tree, folder } = makeTree();
    const walk = walkTree(tree, p("d"));
    rmSync(join(folder, "d"), { recursive: true });
    expect(() => [...walk].length).not.toThrow();
    mkdirSync(join(folder, "d"));
    const again = walkTree(tree, p("d"));
    again.next();
    rmSync(join(folder, "d"), { recursive: true });
    expect(() => again.next()).toThrow(failsWith("CONTEXT_CHANGED"));
  });

  test("but not when it is closed before its end: then nobody has used it", () => {
    const { tree, file } = makeTree();
    const reader = tree.open(p("d/f"), nodeAt(tree, "d/f"));
    reader.read(Buffer.alloc(4), 0, 4);
    appendFileSync(file, "more");
    expect(() => reader.close()).not.toThrow();
  });

  function makeTree(): { tree: ReturnType<typeof dirTree>; file: string; folder: string } {
    const folder = tempFolder();
    writeFiles(folder, { "d/f": { content: before, mtime: 1_700_000_000 } });
    return { tree: dirTree(folder), file: join(folder, "d/f"), folder };
  }

  function rewrite(file: string, content: string): void {
    writeFileSync(file, content);
    utimesSync(file, 1_700_000_000, 1_700_000_000);
  }

  function replace(file: string, content: string): void {
    writeFileSync(`${file}.new`, content);
    utimesSync(`${file}.new`, 1_700_000_000, 1_700_000_000);
    renameSync(`${file}.new`, file);
  }
});

test.skipIf(process.platform !== "linux")("closes the file, also after an error", () => {
  const folder = tempFolder();
  writeFiles(folder, { f: "0123456789" });
  const tree = dirTree(folder);
  const openFiles = (): number => readdirSync("/proc/self/fd").length;
  const before = openFiles();
  for (let round = 0; round < 20; round++) {
    const node = nodeAt(tree, "f");
    readAll(tree, "f", node);
    appendFileSync(join(folder, "f"), "x");
    expect(() => readAll(tree, "f", node)).toThrow(failsWith("CONTEXT_CHANGED"));
  }
  expect(openFiles()).toBe(before);
});

describe("C9: special and unreadable files", () => {
  test("pipes are typed and never opened", () => {
    const folder = tempFolder();
    execFileSync("mkfifo", [join(folder, "pipe")]);
    const tree = dirTree(folder);
    expect(nodeAt(tree, "pipe")).toMatchObject({ type: "fifo", size: 0 });
    expect(() => tree.open(p("pipe"), nodeAt(tree, "pipe"))).toThrow(failsWith("CONTEXT_UNSUPPORTED_FILE"));
  });

  test("sockets are typed, for whoever copies to leave them out", async () => {
    const folder = tempFolder();
    const server = createServer().listen(join(folder, "sock"));
    await new Promise((resolve) => server.once("listening", resolve));
    const { type } = nodeAt(dirTree(folder), "sock");
    await new Promise((resolve) => server.close(resolve));
    expect(type).toBe("socket");
  });

  test.skipIf(process.platform !== "linux")("devices are typed with their numbers", () => {
    const tree = dirTree("/dev");
    expect(nodeAt(tree, "null")).toMatchObject({ type: "char", devMajor: 1, devMinor: 3, size: 0 });
  });

  test("what is ignored is not touched, whether it can be read or not", () => {
    const folder = tempFolder();
    writeFiles(folder, { "secret/x": "", "secret/y": "", a: "" });
    const tree = dirTree(folder);
    const touched: string[] = [];
    const spied = {
      ...bound(tree),
      lstat: (path: ByteString) => {
        touched.push(path);
        return tree.lstat(path);
      },
      list: (path: ByteString) => {
        touched.push(`${path}/`);
        return tree.list(path);
      },
    };
    expect(pathsIn(filteredTree(spied, matcherForPatterns(["secret"]), ".dockerignore"))).toEqual(["a"]);
    expect(touched.filter((path) => path.startsWith("secret"))).toEqual([]);
  });

  test.skipIf(process.platform === "win32")(
    "unreadable ones are an error that names them, ignored ones are not",
    async () => {
      const folder = tempFolder();
      writeFiles(folder, { "closed/x": "", locked: { content: "s", mode: 0 }, open: "" });
      chmodSync(join(folder, "closed"), 0);
      chmodSync(folder, 0o755);
      // Root may read everything, so the check runs as somebody else where we are root.
      const report = await asOrdinaryUser(folder);
      chmodSync(join(folder, "closed"), 0o700);
      expect(report).toEqual({
        closed: 'CONTEXT_UNREADABLE "closed" in the build context cannot be read (EACCES)',
        locked: 'CONTEXT_UNREADABLE "locked" in the build context cannot be read (EACCES)',
        below: 'CONTEXT_UNREADABLE "closed/x" in the build context cannot be read (EACCES)',
        kept: ["open"],
      });
    },
  );
});

/** What an ordinary user is told about the folder's entries. */
async function asOrdinaryUser(folder: string): Promise<unknown> {
  const output = tempFolder();
  chmodSync(output, 0o755);
  const script = await bundleScript(fileURLToPath(new URL("unreadable-child.ts", import.meta.url)), output);
  chmodSync(script, 0o644);
  const user = IS_ROOT ? { uid: 65_534, gid: 65_534 } : {};
  return JSON.parse(execFileSync(process.execPath, [script, folder], { ...user, cwd: "/" }).toString());
}

function bound(tree: ReturnType<typeof dirTree>): ReturnType<typeof dirTree> {
  return {
    lstat: (path) => tree.lstat(path),
    list: (path) => tree.list(path),
    open: (path, node) => tree.open(path, node),
    knownContentDigest: (path, node) => tree.knownContentDigest(path, node),
    rememberContentDigest: (path, node, sha256) => tree.rememberContentDigest(path, node, sha256),
    describe: (path) => tree.describe(path),
    explainAbsence: (path) => tree.explainAbsence(path),
  };
}

describe("C10: names", () => {
  const names = [
    "new\nline",
    "esc\u001b[2J",
    "-rf",
    " blank ",
    "back\\slash",
    "ü",
    "x".repeat(255),
    "...",
    "*?[",
    "\u0001",
  ];

  test.each(names)("%j is found, listed and read", (name) => {
    const folder = tempFolder();
    writeFileSync(join(folder, name), name);
    const tree = dirTree(folder);
    expect(tree.list(p(""))).toEqual([p(name)]);
    expect(readAll(tree, name).toString()).toBe(name);
  });

  test.skipIf(process.platform !== "linux")("bytes that are not UTF-8 stay what they are", () => {
    const folder = tempFolder();
    const bytes = [
      Buffer.from([0xff]),
      Buffer.from([0x61, 0xc3]),
      Buffer.from([0xed, 0xa0, 0x80]),
      Buffer.from([0xc3, 0xa9]),
    ];
    for (const name of bytes) writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), name]), name);
    symlinkSync(Buffer.from([0xfe]), Buffer.from(`${folder}/link`));
    const tree = dirTree(folder);
    const expected = [...bytes.map((name) => name.toString("latin1")), "link"].sort();
    expect(tree.list(p(""))).toEqual(expected);
    for (const name of bytes) {
      const path = name.toString("latin1") as ByteString;
      const reader = tree.open(path, tree.lstat(path)!);
      const content = Buffer.alloc(name.length);
      expect(reader.read(content, 0, name.length)).toBe(name.length);
      reader.close();
      expect(content).toEqual(name);
    }
    expect(nodeAt(tree, "link").linkname).toBe("\xfe");
  });

  test("a path that no system takes is an error or not there, never another file", () => {
    const tree = dirTree(tempFolder());
    expect(() => tree.lstat(p("x".repeat(300)))).toThrow(failsWith("CONTEXT_UNREADABLE"));
    expect(tree.lstat(p("a\0b"))).toBeUndefined();
  });

  test.skipIf(process.platform !== "linux")("a path of more than 4,096 bytes is an error that names it", () => {
    const folder = tempFolder();
    const steps = 'i=0; while [ $i -lt 24 ]; do mkdir "$0" && cd -P "$0" || exit 1; i=$((i+1)); done';
    execFileSync("sh", ["-c", steps, "d".repeat(200)], { cwd: folder });
    const walk = (): number => [...walkTree(dirTree(folder), p(""))].length;
    try {
      expect(walk).toThrow(failsWith("CONTEXT_UNREADABLE"));
      expect(walk).toThrow(/ddd" in the build context cannot be read \(ENAMETOOLONG\)/);
    } finally {
      // Node cannot remove it either.
      execFileSync("rm", ["-rf", join(folder, "d".repeat(200))]);
    }
  });
});

describe("with a stat cache", () => {
  const digest = Buffer.alloc(32, 7);

  test("knows the digest of an unchanged file in the next build, and of no other", () => {
    const folder = tempFolder();
    writeFiles(folder, { f: "one", g: "two" });
    const later = Date.now() + 60_000;
    const first = openStatCache(undefined, later);
    const tree = dirTree(folder, { statCache: first });
    for (const path of ["f", "g"]) tree.rememberContentDigest(p(path), nodeAt(tree, path), digest);
    appendFileSync(join(folder, "g"), "!");
    const next = dirTree(folder, { statCache: openStatCache(first.encode(), later) });
    expect(next.knownContentDigest(p("f"), nodeAt(next, "f"))).toEqual(digest);
    expect(next.knownContentDigest(p("g"), nodeAt(next, "g"))).toBeUndefined();
  });
});
