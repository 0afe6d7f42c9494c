import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { memoryTree } from "../../src/context/memory-tree.js";
import { isOcibuildError } from "../../src/errors.js";
import { filteredTree } from "../../src/tree/filtered-tree.js";
import { matcherForPatterns, trimSpace } from "../../src/tree/ignore-matcher.js";
import { compileExpression, expressionOf } from "../../src/tree/ignore-regexp.js";
import { runProgram } from "../../src/tree/rune-program.js";
import { runesOf } from "../../src/tree/runes.js";
import { type ByteString, bytesOf } from "../../src/util/bytes.js";
import { p, pathsIn } from "../support/trees.js";
import { referenceMatches } from "./ignore-reference.js";

const pathArbitrary = fc
  .array(fc.string({ unit: fc.constantFrom("a", "b", ".", "ü", "\n"), minLength: 1, maxLength: 3 }), {
    minLength: 1,
    maxLength: 4,
  })
  .map((parts) => parts.map((part) => part.replace(/^\.{1,2}$/, "c")).join("/"));

const patternArbitrary = fc
  .tuple(
    fc.constantFrom("", "", "!"),
    fc.array(fc.constantFrom("a", "b", ".", "ü", "*", "**", "?", "**/", "/**", "a/", "/b", "\\a", "a/b", "***"), {
      minLength: 1,
      maxLength: 5,
    }),
  )
  // What cleaning would change is left to the conformance table.
  .map(
    ([mark, parts]) =>
      mark +
      parts
        .join("")
        .replace(/\/+/g, "/")
        .replace(/^\/|\/$/g, ""),
  )
  .filter((pattern) => pattern.replace("!", "") !== "" && !/(^|\/)\.{1,2}(\/|$)|\\\//.test(pattern))
  // \a is a bell there; an escaped dot is a dot.
  .map((pattern) => pattern.replaceAll("\\a", "\\."));

describe("agrees with a slow and plain matcher", () => {
  test("path by path", () => {
    const paths = pathArbitrary.filter((path) => !path.includes("\n"));
    fc.assert(
      fc.property(
        fc.array(patternArbitrary, { minLength: 1, maxLength: 5 }),
        fc.array(paths, { minLength: 1, maxLength: 8 }),
        (patterns, all) => {
          const matcher = matcherForPatterns(patterns);
          for (const path of all) {
            expect(matcher.decide(bytesOf(path)).matched, `${JSON.stringify(patterns)} on ${path}`).toBe(
              referenceMatches(patterns, path),
            );
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test("as a tree: what is there is what is not matched, and the folders that lead there", () => {
    fc.assert(
      fc.property(
        fc.array(patternArbitrary, { maxLength: 4 }),
        fc.uniqueArray(pathArbitrary, { maxLength: 8 }),
        (patterns, all) => {
          const files = all.filter(
            (path) =>
              !all.some((other) => other !== path && (other.startsWith(`${path}/`) || path.startsWith(`${other}/`))),
          );
          const tree = memoryTree(new Map(files.map((path) => [path, ""])));
          const matcher = matcherForPatterns(patterns);
          const kept = pathsIn(tree).filter((path) => !matcher.decide(bytesOf(path.replace(/\/$/, ""))).matched);
          const expected = new Set(kept);
          for (const path of kept)
            for (let at = path.indexOf("/"); at !== -1; at = path.indexOf("/", at + 1))
              expected.add(path.slice(0, at + 1));
          expect(new Set(pathsIn(filteredTree(tree, matcher, "list")))).toEqual(expected);
          expect(new Set(pathsIn(tree, "", { exclude: matcher }))).toEqual(expected);
        },
      ),
      { numRuns: 500 },
    );
  });
});

test("an exception that a later pattern outdoes leaves no trace", () => {
  const matcher = matcherForPatterns(["a", "!a/b/c", "a/b"]);
  // Here moby/patternmatcher's two ways to ask differ, and a walk goes by the first.
  expect(matcher.decide(p("a/b/c")).matched).toBe(false);
  expect(matcher.matchesOrParentMatches(p("a/b/c"))).toBe(true);
  expect(matcher.matchesOrParentMatches(p("x"))).toBe(false);
});

test("knows when nothing below a folder can come back", () => {
  const matcher = matcherForPatterns(["*", "!a/b/*.txt", "!c/**/d", "!lit/x", "!pre/**"]);
  for (const path of ["a", "a/b", "c", "c/x/y/z", "lit", "pre", "pre/x"])
    expect(matcher.canUnmatchBelow(p(path)), path).toBe(true);
  for (const path of ["b", "a/c", "a/b/c", "lit/x", "lit/y", "x", "prex"])
    expect(matcher.canUnmatchBelow(p(path)), path).toBe(false);
  expect(matcherForPatterns(["a"]).canUnmatchBelow(p("a"))).toBe(false);
});

test.each([
  // The corners of the expression text that moby/patternmatcher makes.
  ["[*]", "*", false],
  ["[*]", "[^]", true],
  ["a[?]", "a/]", true],
  ["[a-c]x", "bx", true],
  ["[^a]x", "/x", true],
  ["x[[:digit:]]", "x7", true],
  ["x[[:^digit:]]", "x7", false],
  ["x[\\d]", "x7", true],
  ["x[\\D]", "x7", false],
  ["x\\dz", "x7z", true],
  ["x\\tz*", "x\tz", true],
  ["a^*", "a^b", false],
  ["^a*", "ab", true],
  ["x\\bin", "xin", false],
  ["a.b+(c)|{d}$", "a.b+(c)|{d}$", true],
  ["a.b*", "axb", false],
  ["[\\]]", "]", true],
  ["ü?", "üß", true],
  ["**ü", "x/yü", true],
] as const)("%j on %j: %s", (pattern, path, expected) => {
  expect(matcherForPatterns([pattern]).decide(p(path)).matched).toBe(expected);
});

test.each(["[", "[]", "[b-a]", "[a-*]", "a\\", "!", "\\e*", "x[[:nope:]]", "[\\"])("%j cannot be read", (pattern) => {
  expect(() => matcherForPatterns([pattern])).toThrow(
    expect.toSatisfy((e) => isOcibuildError(e, "TREE_PATTERN_INVALID")),
  );
});

test("trims the white space of Unicode, and nothing else", () => {
  expect(trimSpace(p("\u00a0 \u3000\ta b\u2003\u0085\r\n"))).toBe("a b");
  expect(trimSpace(p("\ufeffx\u200b"))).toBe(p("\ufeffx\u200b"));
  expect(trimSpace(p("   "))).toBe("");
  expect(trimSpace("\xa0x" as ByteString)).toBe("\xa0x");
});

describe("C3: time is bounded by the pattern's length times the path's, whatever the pattern", () => {
  const hostile = Array.from({ length: 200 }, (_, index) => {
    const n = 1 + (index % 20);
    return [
      `${"**/a/".repeat(n)}b`,
      `${"*a".repeat(n)}*b`,
      `${"a?*".repeat(n)}c`,
      `${"**".repeat(n)}x*y`,
      `${"[a-z]*".repeat(n)}!`,
      `${"**/*".repeat(n)}z`,
      `(a+)+${"*".repeat(n)}$`,
      `${"***/".repeat(n)}q`,
      `${"a/**/".repeat(n)}*b`,
      `!${"*/".repeat(n)}**/x?`,
    ][Math.floor(index / 20)]!;
  });
  const paths = ["a".repeat(255), `${"a/".repeat(1_000)}a`, `${"ab/".repeat(300)}!`, "/".repeat(3)];

  test.each([...new Set(hostile)])("%s", (pattern) => {
    const matcher = matcherForPatterns([pattern]);
    const bare = bytesOf(pattern.replace(/^!/, ""));
    const program = compileExpression(bare, expressionOf(bare).text);
    expect(program.length).toBeLessThanOrEqual(2 * bare.length);
    for (const path of paths) {
      const runes = runesOf(path);
      expect(runProgram(program, runes).steps).toBeLessThanOrEqual((program.length + 1) * (runes.length + 1));
      expect(matcher.isMatched(p(path), { matched: false, flags: undefined })).toBe(false);
    }
  });
});
