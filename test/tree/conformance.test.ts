import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseIgnoreFile } from "../../src/context/dockerignore.js";
import { memoryTree } from "../../src/context/memory-tree.js";
import { isOcibuildError } from "../../src/errors.js";
import type { FileTree } from "../../src/tree/file-tree.js";
import { filteredTree } from "../../src/tree/filtered-tree.js";
import { expandSource } from "../../src/tree/glob.js";
import { baseName } from "../../src/tree/paths.js";
import { bytesOf, textOf } from "../../src/util/bytes.js";
import { pathsIn } from "../support/trees.js";

interface IgnoreRow {
  readonly patterns: readonly string[];
  readonly ignored?: readonly string[];
  readonly kept?: readonly string[];
  readonly error?: string;
}

interface GlobRow {
  readonly sources: readonly string[];
  readonly json?: boolean;
  readonly result?: readonly string[];
  readonly made?: boolean;
  readonly error?: string;
}

function table<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../fixtures/conformance/tables/${name}.json`, import.meta.url), "utf8"));
}

function treeOf(paths: readonly string[]): FileTree {
  return memoryTree(new Map(paths.map((path) => [path, path])));
}

describe(".dockerignore agrees with BuildKit", () => {
  const { rows } = table<{ rows: IgnoreRow[] }>("dockerignore");
  const listed = new Set([...rows[0]!.ignored!, ...rows[0]!.kept!]);
  const tree = treeOf([...listed]);
  test.each(rows.map((row) => [JSON.stringify(row.patterns), row] as const))("on %s", (_, row) => {
    const bytes = Buffer.from(row.patterns.join("\n"));
    if (row.error !== undefined) {
      const code = "CONTEXT_IGNORE_INVALID";
      expect(() => parseIgnoreFile(bytes, ".dockerignore")).toThrow(expect.toSatisfy((e) => isOcibuildError(e, code)));
      return;
    }
    const matcher = parseIgnoreFile(bytes, ".dockerignore", { isWindows: false });
    // The table lists no folders but those that were empty from the start.
    const kept = pathsIn(filteredTree(tree, matcher, ".dockerignore")).filter((path) => listed.has(path));
    expect(new Set(kept)).toEqual(new Set(row.kept));
    // The matcher alone decides as the tree does, whichever of its questions is asked.
    for (const path of row.ignored!) expect(matcher.decide(pathOf(path)), path).toMatchObject({ matched: true });
    for (const path of row.kept!) expect(matcher.decide(pathOf(path)), path).toMatchObject({ matched: false });
  });
});

describe("wildcards of COPY agree with BuildKit", () => {
  const { rows, tree: paths } = table<{ tree: string[]; rows: GlobRow[] }>("globs");
  const tree = treeOf(paths);
  test.each(rows.map((row) => [JSON.stringify(row.sources), row] as const))("on %s", (_, row) => {
    const copied = new Set<string>();
    let isMade = false;
    let isComplete = true;
    const copy = (): void => {
      for (const word of row.sources) {
        const { matches, missing } = expandSource(tree, afterWordExpansion(word), { isContext: true });
        isComplete &&= missing === undefined;
        isMade ||= matches.length > 0;
        for (const { path, resolved, node } of matches) {
          if (node.type === "file") copied.add(textOf(baseName(path)));
          else for (const below of pathsIn(tree, textOf(resolved))) copied.add(below);
        }
      }
    };
    if (row.error === undefined) {
      copy();
      expect(isComplete).toBe(true);
      expect(isMade).toBe(row.made);
      expect([...copied].sort()).toEqual([...row.result!].sort());
    } else if (/syntax error in pattern/.test(row.error)) {
      expect(copy).toThrow(expect.toSatisfy((e) => isOcibuildError(e, "TREE_PATTERN_INVALID")));
    } else {
      copy();
      expect(isComplete).toBe(false);
    }
  });
});

function pathOf(listed: string): ReturnType<typeof bytesOf> {
  return bytesOf(listed.replace(/\/$/, ""));
}

/** The tables hold words of a Dockerfile: backslashes escape there, and `$NOPE` is empty. */
function afterWordExpansion(word: string): string {
  return word.replace("$NOPE", "").replace(/\\(.)/g, "$1");
}
