import { describe, expect, test } from "vitest";
import { isOcibuildError } from "../../src/errors.js";
import { compilePattern, hasWildcards } from "../../src/tree/pattern.js";
import type { ByteString } from "../../src/util/bytes.js";
import { p } from "../support/trees.js";

// What Go's filepath.Match says on Linux.
test.each([
  ["", "", true],
  ["", "a", false],
  ["abc", "abc", true],
  ["*", "abc", true],
  ["*", "", true],
  ["*", "a/b", false],
  ["*c", "abc", true],
  ["a*", "ab/c", false],
  ["a*/b", "abc/b", true],
  ["a*/b", "a/c/b", false],
  ["a*b*c*d*e*/f", "axbxcxdxe/f", true],
  ["a*b*c*d*e*/f", "axbxcxdxexxx/f", true],
  ["a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false],
  ["a*b?c*x", "abxbbxdbxebxczzx", true],
  ["a*b?c*x", "abxbbxdbxebxczzy", false],
  ["ab[c]", "abc", true],
  ["ab[b-d]", "abc", true],
  ["ab[e-g]", "abc", false],
  ["ab[^c]", "abc", false],
  ["ab[^b-d]", "abc", false],
  ["ab[^e-g]", "abc", true],
  ["a\\*b", "a*b", true],
  ["a\\*b", "ab", false],
  ["a?b", "a☺b", true],
  ["a[^a]b", "a☺b", true],
  ["a???b", "a☺b", false],
  ["a[^a][^a][^a]b", "a☺b", false],
  ["[a-ζ]*", "α", true],
  ["*[a-ζ]", "A", false],
  ["a?b", "a/b", false],
  ["a*b", "a/b", false],
  ["a[^x]b", "a/b", true],
  ["[\\]a]", "]", true],
  ["[\\-]", "-", true],
  ["[x\\-]", "x", true],
  ["[x\\-]", "z", false],
  ["[\\-x]", "-", true],
  ["*x", "xxx", true],
  ["**", "abc", true],
  ["a]", "a]", true],
  ["[b-a]", "a", false],
  ["[!a]", "!", true],
  ["grü[nß]", "grün", true],
  // A star goes byte by byte, so that the rest of a character counts as characters.
  ["*??", "日", true],
  ["??", "日", false],
] as const)("%j on %j is %s", (pattern, name, expected) => {
  expect(compilePattern(p(pattern)).matches(p(name))).toBe(expected);
});

test("C10: each byte that is no UTF-8 is one character", () => {
  const name = "\xff\xc3" as ByteString;
  expect(compilePattern(p("??")).matches(name)).toBe(true);
  expect(compilePattern(p("?")).matches(name)).toBe(false);
  expect(compilePattern("\xff*" as ByteString).matches(name)).toBe(true);
  expect(compilePattern(p("[^a]?")).matches(name)).toBe(true);
});

test.each([
  "[",
  "[^",
  "[^bc",
  "a[",
  "[]a]",
  "[-]",
  "[x-]",
  "[-x]",
  "[a-b-c]",
  "[]",
  "[^]",
  "a\\",
  "[\\",
  "[a\\",
  "*[",
  "b[a-",
])("%j is malformed", (pattern) => {
  expect(() => compilePattern(p(pattern))).toThrow(
    expect.toSatisfy((error) => isOcibuildError(error, "TREE_PATTERN_INVALID")),
  );
});

test("knows patterns from literal paths", () => {
  for (const path of ["a*", "?", "x[1]", "\\\\*"]) expect(hasWildcards(p(path)), path).toBe(true);
  for (const path of ["", "a/b", "\\*", "x\\[1]", "{a,b}", "a]"]) expect(hasWildcards(p(path)), path).toBe(false);
});

describe("C3: matching takes no more than (pattern) × (name) steps", () => {
  test("patterns that make backtracking matchers explode end", () => {
    const name = p(`${"a".repeat(5_000)}!`);
    for (let stars = 1; stars <= 200; stars++) {
      expect(compilePattern(p(`${"a*".repeat(stars)}b`)).matches(name)).toBe(false);
      expect(compilePattern(p(`${"*a".repeat(stars)}!`)).matches(name)).toBe(true);
    }
  });
});
