import { describe, expect, test } from "vitest";
import { memoryTree } from "../../src/context/memory-tree.js";
import { isOcibuildError } from "../../src/errors.js";
import { filteredTree } from "../../src/tree/filtered-tree.js";
import { expandParentsSource, expandSource } from "../../src/tree/glob.js";
import { matcherForPatterns } from "../../src/tree/ignore-matcher.js";
import { textOf } from "../../src/util/bytes.js";
import { pathsIn } from "../support/trees.js";

const link = (target: string): { type: "symlink"; target: string } => ({ type: "symlink", target });

const tree = memoryTree({
  "B/f": "",
  "a/f": "",
  "a/g.txt": "",
  "b/f": "",
  "b/s/x.txt": "",
  "x.txt": "",
  "d.l": link("b"),
  "f.l": link("a/f"),
  "out.l": link("../../x.txt"),
  empty: { type: "dir" },
});

function matchesOf(source: string, isContext = false): string[] {
  const { matches, missing } = expandSource(tree, source, { isContext });
  if (missing !== undefined) return [`missing ${textOf(missing)}`];
  return matches.map(({ path, resolved }) =>
    path === resolved ? textOf(path) : `${textOf(path)} -> ${textOf(resolved)}`,
  );
}

describe("a source of COPY", () => {
  test.each([
    ["x.txt", ["x.txt"]],
    ["/", [""]],
    [".", [""]],
    ["../a/./f/", ["a/f"]],
    ["*/f", ["B/f", "a/f", "b/f"]],
    ["*.l", ["d.l -> b", "f.l -> a/f", "out.l -> x.txt"]],
    ["d.l/s/*.txt", ["b/s/x.txt"]],
    ["d.l/s", ["d.l/s -> b/s"]],
    ["*.l/f", []],
    ["**/x.txt", []],
    ["nope", ["missing nope"]],
    ["nope/x/*", ["missing nope/x"]],
    ["[ab]/[^g]*", ["a/f", "b/f", "b/s"]],
    ["b[^x]f", ["b/f"]],
    ["empty/*", []],
  ])("%j expands to %j", (source, expected) => {
    expect(matchesOf(source)).toEqual(expected);
  });

  test("in a context, a folder in which a wildcard finds nothing is missing", () => {
    expect(matchesOf("empty/*", true)).toEqual(["missing empty/*"]);
    expect(matchesOf("*.nope", true)).toEqual([]);
  });

  test("a wildcard that meets a dangling link fails", () => {
    const dangling = memoryTree({ a: link("nowhere"), b: "" });
    expect(expandSource(dangling, "*").missing).toBe("a");
  });

  test("a malformed pattern is an error", () => {
    expect(() => expandSource(tree, "a[")).toThrow(expect.toSatisfy((e) => isOcibuildError(e, "TREE_PATTERN_INVALID")));
  });

  test("C7: a link into an ignored folder leads nowhere", () => {
    const files = memoryTree({ "secret/key": "s", l: link("secret/key"), m: link("secret"), n: link("/secret/key") });
    const filtered = filteredTree(files, matcherForPatterns(["secret"]), ".dockerignore");
    for (const source of ["l", "m/key", "n", "m/*"])
      expect(expandSource(filtered, source).missing, source).toBeDefined();
  });

  test("C7: a link out of the context stays in it", () => {
    const files = memoryTree({ "etc/passwd": "ours", l: link("/etc/passwd"), k: link("../../../etc/passwd") });
    for (const source of ["l", "k"]) expect(expandSource(files, source).matches[0]?.resolved).toBe("etc/passwd");
  });

  test("C7: a loop of links is an error", () => {
    const loop = memoryTree({ l1: link("l2"), l2: link("l1") });
    expect(() => expandSource(loop, "l1")).toThrow(expect.toSatisfy((e) => isOcibuildError(e, "TREE_LINK_LOOP")));
  });
});

describe("a source of COPY --parents", () => {
  function selected(source: string, exclude: readonly string[] = []): readonly string[] | string {
    const excluded = matcherForPatterns(exclude);
    const { matches, missing, include } = expandParentsSource(tree, source, { exclude: excluded });
    if (missing !== undefined) return `missing ${textOf(missing)}`;
    return matches.flatMap((match) => pathsIn(tree, textOf(match.resolved), { include, exclude: excluded }));
  }

  test.each([
    ["b/s/x.txt", ["b/", "b/s/", "b/s/x.txt"]],
    ["/b/s", ["b/", "b/s/", "b/s/x.txt"]],
    ["./b/f", ["b/", "b/f"]],
    ["**/*.txt", ["a/", "a/g.txt", "b/", "b/s/", "b/s/x.txt", "x.txt"]],
    ["*/f", ["B/", "B/f", "a/", "a/f", "b/", "b/f"]],
    ["b/./s/x.txt", ["s/", "s/x.txt"]],
    ["[ab]/./f", ["f", "f"]],
    ["d.l/./s", ["s/", "s/x.txt"]],
    ["d.l", ["d.l"]],
    ["b/*.nope", []],
  ])("%j selects %j", (source, expected) => {
    expect(selected(source)).toEqual(expected);
  });

  test.each([
    ["nope", "missing nope"],
    ["b/./nope", "missing b/nope"],
    ["d.l/f", "missing d.l/f"],
    [".", "missing "],
    ["nope/./x*", "missing nope"],
  ])("%j is missing", (source, expected) => {
    expect(selected(source)).toBe(expected);
  });

  test("what --exclude takes away whole is missing", () => {
    expect(selected("b/s", ["**/*.txt"])).toEqual(["b/", "b/s/"]);
    expect(selected("b/f", ["b/f"])).toBe("missing b/f");
  });
});
