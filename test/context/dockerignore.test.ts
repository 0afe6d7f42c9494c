import { describe, expect, test } from "vitest";
import { parseIgnoreFile, readIgnoreFile } from "../../src/context/dockerignore.js";
import { memoryTree } from "../../src/context/memory-tree.js";
import { type ErrorCode, isOcibuildError, type OcibuildError } from "../../src/errors.js";
import { p } from "../support/trees.js";

function failsWith(code: ErrorCode, details: object = {}): unknown {
  return expect.toSatisfy((error) => {
    expect((error as OcibuildError).details).toMatchObject(details);
    return isOcibuildError(error, code);
  });
}

function matcherOf(text: string | Buffer, isWindows = false): ReturnType<typeof parseIgnoreFile> {
  return parseIgnoreFile(Buffer.from(text as string), ".dockerignore", { isWindows });
}

test("skips blank lines and comments, and trims the rest", () => {
  const matcher = matcherOf("# c\n\n  \t\n  a  \n\u00a0b\u3000\r\n #not a comment\r\n");
  expect(matcher.patterns.map(({ pattern }) => pattern)).toEqual(["a", "b", "#not a comment"]);
});

test("a byte order mark counts only at the very start", () => {
  expect(matcherOf("\ufeff# comment\na").patterns).toHaveLength(1);
  expect(matcherOf("a\n\ufeffb").patterns.map(({ pattern }) => pattern)).toEqual(["a", p("\ufeffb")]);
});

test("patterns are bytes: those that are not UTF-8 match names that are not", () => {
  const matcher = matcherOf(Buffer.from([0xff, 0x0a, 0x61]));
  expect(matcher.decide("\xff" as ReturnType<typeof p>).matched).toBe(true);
  expect(matcher.decide("\xfe" as ReturnType<typeof p>).matched).toBe(false);
});

test("the deciding rule is named with its line and its text", () => {
  const matcher = matcherOf("# first\n*.log\n\n  !keep.log  \n/keep.log/\n");
  expect(matcher.decide(p("a.log")).rule).toEqual({ text: "*.log", line: 2 });
  expect(matcher.decide(p("keep.log"))).toEqual({ matched: true, rule: { text: "/keep.log/", line: 5 } });
  expect(matcherOf("*\n!keep").decide(p("keep/x"))).toEqual({ matched: false, rule: { text: "!keep", line: 2 } });
  expect(matcher.decide(p("other"))).toEqual({ matched: false, rule: undefined });
});

test("for a client on Windows a backslash separates folders", () => {
  expect(matcherOf("src\\bin", true).decide(p("src/bin/x")).matched).toBe(true);
  expect(matcherOf("src\\.x", false).decide(p("src.x")).matched).toBe(true);
});

describe("a pattern that cannot be read is an error with its place", () => {
  test.each([
    ["a\n[\n", 2, "["],
    ["[z-a]", 1, "[z-a]"],
    ["ok\n\n!", 3, "!"],
    ["x\\", 1, "x\\"],
    ["[[:nope:]]", 1, "[[:nope:]]"],
    ["a\\e*", 1, "a\\e*"],
  ])("%j", (text, line, pattern) => {
    expect(() => matcherOf(text)).toThrow(
      failsWith("CONTEXT_IGNORE_INVALID", { file: ".dockerignore", line, pattern }),
    );
  });

  test("C1: so is a line of more than 64 KiB", () => {
    expect(() => matcherOf(`a\n${"x".repeat(65_537)}`)).toThrow(failsWith("CONTEXT_IGNORE_INVALID", { line: 2 }));
  });
});

describe("reading one from a tree", () => {
  test("there is none when it is missing or a folder", () => {
    expect(readIgnoreFile(memoryTree({}), ".dockerignore")).toBeUndefined();
    expect(readIgnoreFile(memoryTree({ ".dockerignore/x": "" }), ".dockerignore")).toBeUndefined();
  });

  test("C7: a link is followed inside the context only", () => {
    const link = (target: string): ReturnType<typeof memoryTree> =>
      memoryTree({ "real/ignore": "x", ".dockerignore": { type: "symlink", target } });
    expect(readIgnoreFile(link("real/ignore"), ".dockerignore")?.matcher.decide(p("x")).matched).toBe(true);
    expect(readIgnoreFile(link("../../real/ignore"), ".dockerignore")?.matcher.decide(p("x")).matched).toBe(true);
    expect(readIgnoreFile(link("/etc/hostname"), ".dockerignore")).toBeUndefined();
    expect(() => readIgnoreFile(link(".dockerignore"), ".dockerignore")).toThrow(failsWith("TREE_LINK_LOOP"));
  });

  test("C9: a pipe is never opened", () => {
    expect(readIgnoreFile(memoryTree({ ".dockerignore": { type: "fifo" } }), ".dockerignore")).toBeUndefined();
  });

  test("one that is too large is refused", () => {
    const tree = memoryTree({ ".dockerignore": Buffer.alloc(8 * 1024 * 1024 + 1) });
    expect(() => readIgnoreFile(tree, ".dockerignore")).toThrow(failsWith("LIMIT_EXCEEDED"));
  });
});
