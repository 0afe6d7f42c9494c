import { describe, expect, test } from "vitest";
import { type MemoryFiles, memoryTree } from "../../src/context/memory-tree.js";
import { isOcibuildError } from "../../src/errors.js";
import type { FileTree, TreeNode } from "../../src/tree/file-tree.js";
import { digestFile, digestSelection, type SelectedNode } from "../../src/tree/selection-digest.js";
import { walkTree } from "../../src/tree/walk.js";
import { nodeAt, p } from "../support/trees.js";

function selectionOf(tree: FileTree): SelectedNode[] {
  return [...walkTree(tree, p(""))].map(({ path, relative, node }) => ({ path, name: relative, node }));
}

function digestOf(files: MemoryFiles): string {
  const tree = memoryTree(files);
  return digestSelection(tree, selectionOf(tree)).toString("hex");
}

test("does not depend on times, nor on the order in which files were made", () => {
  const one = digestOf({ a: { content: "1", mtime: 1 }, "d/b": "2" });
  expect(digestOf({ "d/b": { content: "2", mtime: 99 }, a: "1" })).toBe(one);
});

describe("K9: every other difference makes another digest", () => {
  const base = { a: { content: "1" }, b: "2", "d/c": "3", l: { type: "symlink", target: "a" } } as const;
  const others: Readonly<Record<string, MemoryFiles>> = {
    content: { ...base, a: { content: "2" } },
    "content swapped between files": { ...base, a: { content: "2" }, b: "1" },
    mode: { ...base, a: { content: "1", mode: 0o600 } },
    uid: { ...base, a: { content: "1", uid: 1 } },
    gid: { ...base, a: { content: "1", gid: 1 } },
    "uid and gid swapped": { ...base, a: { content: "1", uid: 2, gid: 1 } },
    "gid and uid swapped": { ...base, a: { content: "1", uid: 1, gid: 2 } },
    "link target": { ...base, l: { type: "symlink", target: "b" } },
    type: { ...base, b: { type: "fifo" } },
    name: { a: base.a, bb: "2", "d/c": "3", l: base.l },
    folder: { a: base.a, b: "2", "dd/c": "3", l: base.l },
    "one file more": { ...base, e: "" },
    "one file less": { a: base.a, "d/c": "3", l: base.l },
    "an attribute": { ...base, a: { content: "1", xattrs: { "user.a": Buffer.from("1") } } },
    "an attribute's value": { ...base, a: { content: "1", xattrs: { "user.a": Buffer.from("2") } } },
    "an attribute's name": { ...base, a: { content: "1", xattrs: { "user.b": Buffer.from("1") } } },
    "two names of one file": { ...base, h: { type: "hardlink", target: "a" } },
    "two equal files": { ...base, h: { content: "1" } },
    "text that moves between name and target": { ...base, l: { type: "symlink", target: "aa" } },
    "text that moves from target to name": { a: base.a, b: "2", "d/c": "3", la: base.l },
  };

  test("each of them", () => {
    const digests = [digestOf(base), ...Object.values(others).map(digestOf)];
    expect(new Set(digests).size).toBe(digests.length);
  });
});

test("the same links under other inode names are the same selection", () => {
  const withInode = (inode: string): string => {
    const tree = memoryTree({ a: "1", b: "1" });
    const selection = selectionOf(tree).map((entry) =>
      entry.node.type === "file" ? { ...entry, node: { ...entry.node, inode } satisfies TreeNode } : entry,
    );
    return digestSelection(tree, selection).toString("hex");
  };
  expect(withInode("1:2")).toBe(withInode("7:8"));
});

test("without leave to read, a file whose content is not known leaves the digest open", () => {
  const tree = memoryTree({ a: "1", b: "2" });
  expect(digestSelection(tree, selectionOf(tree), { readContent: false })).toBeUndefined();
  digestFile(tree, p("a"), nodeAt(tree, "a"));
  digestFile(tree, p("b"), nodeAt(tree, "b"));
  expect(digestSelection(tree, selectionOf(tree), { readContent: false })).toEqual(
    digestSelection(tree, selectionOf(tree)),
  );
});

test("fields longer than the buffer are digested whole", () => {
  const long = (end: string): string => `${"x".repeat(70_000)}${end}`;
  expect(digestOf({ [long("a")]: "" })).not.toBe(digestOf({ [long("b")]: "" }));
  const withValue = (end: string): string =>
    digestOf({ a: { content: "", xattrs: { "user.a": Buffer.from(long(end)) } } });
  expect(withValue("a")).not.toBe(withValue("b"));
});

test("C8: content that is shorter than its node says is an error", () => {
  const tree = memoryTree({ a: "12345" });
  expect(() => digestFile(tree, p("a"), { ...nodeAt(tree, "a"), size: 9 })).toThrow(
    expect.toSatisfy((error) => isOcibuildError(error, "CONTEXT_CHANGED")),
  );
});
