/** Variable expansion. */
import { readFileSync } from "node:fs";
import { type ExpandOptions, expandWord, expandWords } from "../../../src/dockerfile/expand.js";
import { answer, check, type Target } from "../target.js";

const CODES = ["DOCKERFILE_EXPANSION", "LIMIT_EXCEEDED"];
const MAX_LENGTH = 4096;

const VARIABLES = new Map([
  ["A", "a"],
  ["EMPTY", ""],
  ["BLANKS", " two  words "],
  ["PATH", "/usr/local/bin:/usr/bin"],
  ["LONG", "ab".repeat(500)],
  ["constructor", "c"],
  ["Ä", "ü😀"],
]);

export function expandTarget(): Target {
  const table = JSON.parse(
    readFileSync(new URL("../fixtures/conformance/tables/expansion.json", import.meta.url), "utf8"),
  ) as { readonly rows: readonly { readonly word: string }[] };
  return {
    name: "expand",
    corpus: table.rows.map(({ word }) => word),
    dictionary: [
      ..."$ ${ } ${A} $A ${A:-b} ${A-b} ${A:+b} ${A+b} ${A:?b} ${A?b} ${A#a} ${A##*/} ${A%a} ${A%%:*} ${A/a/b} ${A//a/b}".split(
        " ",
      ),
      ...[
        "$EMPTY",
        "$BLANKS",
        "$PATH",
        "$LONG",
        "$NONE",
        "${LONG//a/",
        "'",
        '"',
        "\\",
        "`",
        "<<",
        " ",
        "/",
        "*",
        "?",
        "[a]",
        "$Ä",
      ],
      ...["${NONE:-", "${A:+", "$0", "$@", "$$", "\\$", "\ufeff", "${__proto__}", "$constructor"],
    ],
    maxLength: 400,
    run(word, random) {
      const options: ExpandOptions = {
        escape: random.below(3) === 0 ? "`" : "\\",
        keepQuotes: random.below(4) === 0,
        ignoreQuotes: random.below(4) === 0,
        keepEscapes: random.below(4) === 0,
        keepUnset: random.below(4) === 0,
        maxLength: MAX_LENGTH,
      };
      const whole = answer(CODES, () => {
        const { value, matched, unmatched } = expandWord(word, VARIABLES, options);
        check(value.length <= MAX_LENGTH, () => `${value.length} characters`);
        for (const name of matched) check(VARIABLES.has(name) && !unmatched.has(name), () => `matched ${name}`);
        const plain = !/[$'"\\`<\ufeff]/.test(word);
        check(!plain || value === word, () => "a plain word changed");
        return `ok ${matched.size > 0} ${unmatched.size > 0}`;
      });
      const split = answer(CODES, () => {
        const words = expandWords(word, VARIABLES, options);
        check(
          words.every((each) => each !== ""),
          () => "an empty word",
        );
        return `ok ${Math.min(words.length, 3)}`;
      });
      check(whole.startsWith("ok") === split.startsWith("ok"), () => `whole: ${whole}, split: ${split}`);
      const modifiers = new Set(word.match(/[:]?[-+?#%/]+/g) ?? []);
      return `${whole} ${split} ${[...modifiers].sort().slice(0, 3).join(" ")}`;
    },
  };
}
