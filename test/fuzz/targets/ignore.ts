/** Ignore files: patterns, a blank line, paths. The matcher is compared with one that is plain and slow. */
import { readFileSync } from "node:fs";
import { matcherForPatterns } from "../../../src/tree/ignore-matcher.js";
import { compilePattern } from "../../../src/tree/pattern.js";
import { bytesOf } from "../../../src/util/bytes.js";
import { referenceMatches } from "../../tree/ignore-reference.js";
import { answer, check, type Target } from "../target.js";

const CODES = ["TREE_PATTERN_INVALID"];
/** What the slow matcher understands: clean patterns without classes. */
const PLAIN = /^!?(?:[a-c.]|\*{1,2}(?!\*)|\?|\\[*?])+(?:\/(?:[a-c.]|\*{1,2}(?!\*)|\?|\\[*?])+)*$/;

export function ignoreTarget(): Target {
  const table = JSON.parse(
    readFileSync(new URL("../fixtures/conformance/tables/dockerignore.json", import.meta.url), "utf8"),
  ) as { readonly rows: readonly { readonly lines?: readonly string[]; readonly patterns?: readonly string[] }[] };
  const lists = table.rows.map((row) => row.lines ?? row.patterns ?? []);
  return {
    name: "ignore",
    corpus: [
      ...lists.map((lines) => `${lines.join("\n")}\n\na/b/c\na.b`),
      "*\n!a/**\n\na/b\nc",
      "**/a\n!a/b\n\nb/a\na/b/c",
    ],
    dictionary: [
      ..."* ** **/ /** ? ! !* \\* [a-c] [^a] [ ] - \\ / ./ ../ // a/b a b c . .. # [[:digit:]] é \\d ^ $ ( ) + { } |".split(
        " ",
      ),
      ...["\n", "\n!", "\n\n", " "],
    ],
    maxLength: 200,
    run(text) {
      const [head = "", tail = ""] = text.split("\n\n", 2);
      const patterns = head.split("\n").slice(0, 12);
      const paths = tail.split("\n").slice(0, 12);
      const seen = new Set<string>();
      seen.add(
        answer(CODES, () => {
          const matcher = matcherForPatterns(patterns);
          for (const path of paths.filter(isClean)) {
            const { matched, rule } = matcher.decide(bytesOf(path));
            check(!matched || rule !== undefined, () => "matched by no rule");
            matcher.matchesOrParentMatches(bytesOf(path));
            seen.add(`${matched} ${rule?.text.replace(/[^*?![\]\\/]+/g, "x")}`);
            compare(patterns, path, matched);
            checkBelow(matcher, path, matched);
          }
          return "ok";
        }),
      );
      for (const pattern of patterns) {
        answer(CODES, () => String(paths.map((path) => compilePattern(bytesOf(pattern)).matches(bytesOf(path)))));
      }
      return [...seen].sort().join();
    },
  };
}

function isClean(path: string): boolean {
  return path !== "" && path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}

function compare(patterns: readonly string[], path: string, matched: boolean): void {
  const stars = patterns.join("").split("*").length;
  if (stars > 8 || path.length > 30 || !/^[a-c./]*$/.test(path)) return;
  if (!patterns.every((pattern) => PLAIN.test(pattern) && isClean(pattern.replace(/^!/, "")))) return;
  check(referenceMatches(patterns, path) === matched, () => `${JSON.stringify(patterns)} on ${path}: ${matched}`);
}

/** A folder that says that nothing below it matters must be right about it. */
function checkBelow(matcher: ReturnType<typeof matcherForPatterns>, path: string, matched: boolean): void {
  for (let slash = path.indexOf("/"); slash !== -1; slash = path.indexOf("/", slash + 1)) {
    const folder = bytesOf(path.slice(0, slash));
    if (matcher.decide(folder).matched) {
      check(matched || matcher.canUnmatchBelow(folder), () => `${path} comes back below ${folder}`);
    } else {
      check(!matched || matcher.canMatchBelow(folder), () => `${path} is matched below ${folder}`);
    }
  }
}
