import { describe, expect, test } from "vitest";
import { memoryTree } from "../../src/context/memory-tree.js";
import { isOcibuildError } from "../../src/errors.js";
import { fileTreeContract } from "../contract/file-tree.js";
import { nodeAt, p, pathsIn, readAll } from "../support/trees.js";

describe("as every tree", () => {
  fileTreeContract((files) => memoryTree(files));
});

test("makes the folders that paths need", () => {
  const tree = memoryTree({ "x/y/z": "1" });
  expect(pathsIn(tree)).toEqual(["x/", "x/y/", "x/y/z"]);
  expect(nodeAt(tree, "x/y")).toMatchObject({ type: "dir", mode: 0o755, uid: 0, gid: 0, mtimeSeconds: 0 });
});

test("cleans paths: a leading slash, dots and .. stay inside", () => {
  expect(pathsIn(memoryTree({ "/a": "", "./b": "", "../../c": "", "d//e/../f": "" }))).toEqual([
    "a",
    "b",
    "c",
    "d/",
    "d/f",
  ]);
});

test("C4: names like __proto__ and constructor are names", () => {
  const tree = memoryTree(
    new Map([
      ["__proto__", "1"],
      ["constructor/x", "2"],
      ["toString", "3"],
    ]),
  );
  expect(pathsIn(tree)).toEqual(["__proto__", "constructor/", "constructor/x", "toString"]);
  expect(readAll(tree, "__proto__").toString()).toBe("1");
  expect(tree.lstat(p("hasOwnProperty"))).toBeUndefined();
});

test("takes owners, modes, devices and extended attributes from the entry", () => {
  const tree = memoryTree({
    f: { content: new Uint8Array([1, 2]), mode: 0o4755, uid: 5, gid: 6, xattrs: { "user.a": new Uint8Array([255]) } },
    p: { type: "fifo", mode: 0o600 },
  });
  expect(nodeAt(tree, "f")).toMatchObject({ mode: 0o4755, uid: 5, gid: 6, size: 2 });
  expect(nodeAt(tree, "f").xattrs?.get(p("user.a"))).toEqual(Buffer.from([255]));
  expect(nodeAt(tree, "p")).toMatchObject({ type: "fifo", mode: 0o600, size: 0 });
});

test("keeps what content was when the tree was made", () => {
  const content = Buffer.from("before");
  const tree = memoryTree({ a: content });
  content.fill("x");
  expect(readAll(tree, "a").toString()).toBe("before");
});

test.each([
  ["a path below a file", { a: "", "a/b": "" }],
  ["a hard link to nothing", { a: { type: "hardlink", target: "b" } }],
  ["a hard link to a folder", { "b/c": "", a: { type: "hardlink", target: "b" } }],
  ["a link without a target", { a: { type: "symlink" } }],
  ["a mode that is no number", { a: { mode: Number.NaN } }],
  ["an owner below zero", { a: { uid: -1 } }],
  ["a time that is no number", { a: { mtime: new Date("nope") } }],
] as const)("refuses %s", (_, files) => {
  expect(() => memoryTree(files)).toThrow(expect.toSatisfy((error) => isOcibuildError(error, "CONTEXT_INVALID")));
});
