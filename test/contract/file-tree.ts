/** What every `FileTree` must do: one suite, run by each implementation over the same files. */
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import type { MemoryFiles } from "../../src/context/memory-tree.js";
import { isOcibuildError } from "../../src/errors.js";
import type { FileTree } from "../../src/tree/file-tree.js";
import { bytesOf, textOf } from "../../src/util/bytes.js";
import { nodeAt, p, pathsIn, readAll } from "../support/trees.js";

/** The files of the suite. Owners are left out: some trees have none. */
export const CONTRACT_FILES: MemoryFiles = {
  "b.txt": { content: "bee", mode: 0o640, mtime: 1_700_000_000.5 },
  "a/deep/file": { content: "x".repeat(100_000), mode: 0o755, mtime: -86_400 },
  "a/empty": "",
  "a-b": "after the folder",
  "a.txt": "before the folder's content",
  "dir/": "",
  "grün/日本": "unicode",
  link: { type: "symlink", target: "a/deep" },
  dangling: { type: "symlink", target: "../../nowhere" },
  one: "linked",
  two: { type: "hardlink", target: "one" },
  "control\n\u001b[31m": "a name with a newline and an escape",
  "-dash": "leading dash",
};

/** Runs the suite over the tree that `open` makes of `CONTRACT_FILES`. */
export function fileTreeContract(open: (files: MemoryFiles) => FileTree | Promise<FileTree>): void {
  test("lists names bytewise", async () => {
    const tree = await open(CONTRACT_FILES);
    const top = [
      "-dash",
      "a",
      "a-b",
      "a.txt",
      "b.txt",
      "control\n\u001b[31m",
      "dangling",
      "dir",
      "grün",
      "link",
      "one",
      "two",
    ];
    expect(tree.list(p("")).map(textOf)).toEqual(top);
    expect(tree.list(p("dir"))).toEqual([]);
  });

  test("walks folders before what is in them", async () => {
    const tree = await open(CONTRACT_FILES);
    expect(pathsIn(tree, "a")).toEqual(["deep/", "deep/file", "empty"]);
    expect(pathsIn(tree).slice(0, 6)).toEqual(["-dash", "a/", "a/deep/", "a/deep/file", "a/empty", "a-b"]);
  });

  test("says type, mode, size and time of a node", async () => {
    const tree = await open(CONTRACT_FILES);
    expect(nodeAt(tree, "")).toMatchObject({ type: "dir", size: 0 });
    expect(nodeAt(tree, "b.txt")).toMatchObject({
      type: "file",
      mode: 0o640,
      size: 3,
      mtimeSeconds: 1_700_000_000,
      mtimeNanos: 500_000_000,
      linkname: "",
      inode: undefined,
    });
    expect(nodeAt(tree, "a/deep/file")).toMatchObject({
      mode: 0o755,
      size: 100_000,
      mtimeSeconds: -86_400,
      mtimeNanos: 0,
    });
    expect(nodeAt(tree, "dir")).toMatchObject({ type: "dir", size: 0, inode: undefined });
  });

  test("does not follow links, neither at the end of a path nor in it", async () => {
    const tree = await open(CONTRACT_FILES);
    expect(nodeAt(tree, "link")).toMatchObject({ type: "symlink", linkname: "a/deep", size: 0 });
    expect(nodeAt(tree, "dangling")).toMatchObject({ type: "symlink", linkname: "../../nowhere" });
    expect(tree.lstat(p("link/file"))).toBeUndefined();
  });

  test("gives undefined for what is not there", async () => {
    const tree = await open(CONTRACT_FILES);
    for (const path of ["nope", "nope/x", "b.txt/x", "dir/x", "a\0b"])
      expect(tree.lstat(p(path)), path).toBeUndefined();
  });

  test("gives names of one file one inode, and others none", async () => {
    const tree = await open(CONTRACT_FILES);
    const { inode } = nodeAt(tree, "one");
    expect(inode).toBeTypeOf("string");
    expect(nodeAt(tree, "two").inode).toBe(inode);
    expect(readAll(tree, "two").toString()).toBe("linked");
    expect(nodeAt(tree, "a.txt").inode).toBeUndefined();
  });

  test("reads content in pieces of any size, and an empty file", async () => {
    const tree = await open(CONTRACT_FILES);
    expect(readAll(tree, "a/deep/file").equals(Buffer.alloc(100_000, "x"))).toBe(true);
    expect(readAll(tree, "grün/日本").toString()).toBe("unicode");
    expect(readAll(tree, "a/empty")).toHaveLength(0);
    expect(readAll(tree, "control\n\u001b[31m").toString()).toBe("a name with a newline and an escape");
  });

  test("fills the target only where it was asked to", async () => {
    const tree = await open(CONTRACT_FILES);
    const reader = tree.open(p("b.txt"), nodeAt(tree, "b.txt"));
    const target = Buffer.alloc(6, ".");
    expect(reader.read(target, 2, 2)).toBe(2);
    expect(target.toString()).toBe("..be..");
    reader.close();
  });

  test("refuses to open what is no file", async () => {
    const tree = await open(CONTRACT_FILES);
    for (const path of ["dir", "link"]) {
      expect(() => tree.open(p(path), nodeAt(tree, path))).toThrow(
        expect.toSatisfy((error) => isOcibuildError(error, "CONTEXT_UNSUPPORTED_FILE")),
      );
    }
  });

  test("knows a content digest once it was told", async () => {
    const tree = await open(CONTRACT_FILES);
    const node = nodeAt(tree, "b.txt");
    expect(tree.knownContentDigest(bytesOf("b.txt"), node)).toBeUndefined();
    const digest = createHash("sha256").update("bee").digest();
    tree.rememberContentDigest(bytesOf("b.txt"), node, digest);
    expect(tree.knownContentDigest(bytesOf("b.txt"), node)).toEqual(digest);
    expect(tree.knownContentDigest(bytesOf("a.txt"), nodeAt(tree, "a.txt"))).toBeUndefined();
  });

  test("names a path in quotes", async () => {
    const tree = await open(CONTRACT_FILES);
    expect(tree.describe(p("grün/日本"))).toContain('"grün/日本"');
  });
}
