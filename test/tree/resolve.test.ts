import { describe, expect, test } from "vitest";
import { memoryTree } from "../../src/context/memory-tree.js";
import { isOcibuildError } from "../../src/errors.js";
import { resolveInTree } from "../../src/tree/resolve.js";
import { p } from "../support/trees.js";

const link = (target: string): { type: "symlink"; target: string } => ({ type: "symlink", target });

const tree = memoryTree({
  "dir/sub/file": "",
  toDir: link("dir"),
  toFile: link("dir/sub/file"),
  absolute: link("/dir/sub"),
  climbing: link("../../../../dir"),
  chain: link("toDir/sub/back"),
  "dir/sub/back": link("../../toDir/sub/file"),
  dots: link("./dir/./sub//"),
  dangling: link("nowhere/x"),
  host: link("/etc"),
  loop1: link("loop2"),
  loop2: link("loop1"),
  self: link("self/x"),
});

describe("C7: links are followed inside the tree", () => {
  test.each([
    ["", ""],
    ["dir/sub/file", "dir/sub/file"],
    ["toDir/sub/file", "dir/sub/file"],
    ["toFile", "dir/sub/file"],
    ["absolute/file", "dir/sub/file"],
    ["climbing/sub", "dir/sub"],
    ["chain", "dir/sub/file"],
    ["dots/file", "dir/sub/file"],
    ["toDir/../dir/sub", "dir/sub"],
    ["absolute/..", "dir"],
    ["../../dir/./sub//file/", "dir/sub/file"],
    ["host/passwd", "etc/passwd"],
    ["dangling", "nowhere/x"],
    ["missing/a/../b", "missing/b"],
    ["dir/sub/file/below", "dir/sub/file/below"],
  ])("%j leads to %j", (path, expected) => {
    expect(resolveInTree(tree, p(path))).toBe(expected);
  });

  test.each([
    ["toFile", "toFile"],
    ["toDir/sub/back", "dir/sub/back"],
    ["toDir/", "toDir"],
    ["climbing/sub", "dir/sub"],
    ["missing", "missing"],
  ])("%j with its last component kept is %j", (path, expected) => {
    expect(resolveInTree(tree, p(path), { followLast: false })).toBe(expected);
  });

  test.each(["loop1", "loop2/x", "self"])("a loop at %j is an error", (path) => {
    expect(() => resolveInTree(tree, p(path))).toThrow(
      expect.toSatisfy((error) => isOcibuildError(error, "TREE_LINK_LOOP")),
    );
  });

  test("255 links are followed, 256 are not", () => {
    const files: Record<string, { type: "symlink"; target: string }> = {};
    for (let index = 1; index <= 256; index++) files[`l${index}`] = link(`l${index - 1}`);
    const long = memoryTree({ l0: "", ...files });
    expect(resolveInTree(long, p("l255"))).toBe("l0");
    expect(() => resolveInTree(long, p("l256"))).toThrow(/more than 255 symbolic links/);
  });
});
