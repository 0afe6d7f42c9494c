import { describe, expect, test } from "vitest";
import { parseIgnoreFile } from "../../src/context/dockerignore.js";
import { memoryTree } from "../../src/context/memory-tree.js";
import type { FileTree } from "../../src/tree/file-tree.js";
import { filteredTree } from "../../src/tree/filtered-tree.js";
import { nodeAt, p, pathsIn, readAll } from "../support/trees.js";

const files = memoryTree({
  "a/keep": "k",
  "a/drop": "",
  "a/deep/keep": "",
  "b/x": "",
  c: "",
  link: { type: "symlink", target: "b/x" },
  p: { type: "dir", mode: 0o750 },
  "p/q/keep": "",
});

function filtered(text: string, tree: FileTree = files): FileTree {
  return filteredTree(tree, parseIgnoreFile(Buffer.from(text), ".dockerignore"), ".dockerignore");
}

test("hides what is ignored from every way to ask", () => {
  const tree = filtered("b\nc\n**/drop");
  expect(pathsIn(tree)).toEqual(["a/", "a/deep/", "a/deep/keep", "a/keep", "link", "p/", "p/q/", "p/q/keep"]);
  for (const path of ["b", "b/x", "c", "a/drop", "nope"]) expect(tree.lstat(p(path)), path).toBeUndefined();
  expect(tree.list(p("b"))).toEqual([]);
});

test("keeps an ignored folder, with its own mode, for what comes back in it", () => {
  const tree = filtered("*\n!p/q/keep");
  expect(pathsIn(tree)).toEqual(["p/", "p/q/", "p/q/keep"]);
  expect(nodeAt(tree, "p").mode).toBe(0o750);
});

test("drops an ignored folder when nothing in it comes back", () => {
  expect(pathsIn(filtered("*\n!a/nope\n!b/*.txt"))).toEqual([]);
});

test("reads and remembers through to the tree below", () => {
  const tree = filtered("b");
  expect(readAll(tree, "a/keep").toString()).toBe("k");
  const digest = Buffer.alloc(32, 1);
  tree.rememberContentDigest(p("a/keep"), nodeAt(tree, "a/keep"), digest);
  expect(tree.knownContentDigest(p("a/keep"), nodeAt(tree, "a/keep"))).toEqual(digest);
  expect(tree.describe(p("c"))).toBe('"c" in the build context');
});

test("is the tree itself when there is no pattern", () => {
  expect(filtered("# nothing\n")).toBe(files);
});

describe("says which line hides a path", () => {
  test.each([
    ["b\n", "b/x", '"b/x" is excluded by .dockerignore line 1 ("b")'],
    ["# c\n\n*\n!a\na/drop\n", "a/drop", '"a/drop" is excluded by .dockerignore line 5 ("a/drop")'],
    ["*\n!a", "c", '"c" is excluded by .dockerignore line 1 ("*")'],
    ["*\n!a", "a/keep", undefined],
    ["b", "nope", undefined],
  ])("%j hides %j", (text, path, expected) => {
    expect(filtered(text).explainAbsence(p(path))).toBe(expected);
  });
});
