/**
 * The pattern language of `.dockerignore`, `--exclude` and `--parents`, translated to a `Program`.
 *
 * moby/patternmatcher turns a pattern into the text of a Go regular expression and compiles that, and the corners of
 * the language are those of that text: a class is handed over as it is written, so `[*]` is not "a star". We make the
 * same text and read it with a parser for the few constructs that it can hold.
 */
import type { ByteString } from "../util/bytes.js";
import { invalidPattern } from "./pattern.js";
import type { Instruction, Program, RuneSet } from "./rune-program.js";
import { runesOf } from "./runes.js";

/** How a pattern can be decided without the program. */
export type Shortcut = "exact" | "prefix" | "suffix" | "program";

const NOT_SLASH = "[^/]";
const DIRECTORIES = "(.*/)?";
const ANYTHING = ".*";
const ESCAPED = new Set(".+()|{}$");

/** The text of the expression (without its anchors), and the shortcut that decides the pattern as well. */
export function expressionOf(pattern: ByteString): { text: string; shortcut: Shortcut } {
  const chars = Array.from(runesOf(pattern), (rune) => String.fromCodePoint(rune));
  let text = "";
  let shortcut: Shortcut = "exact";
  for (let at = 0; at < chars.length; at++) {
    const char = chars[at]!;
    if (char === "*" && chars[at + 1] === "*") {
      const starts = at === 0;
      at++;
      if (chars[at + 1] === "/") at++;
      if (at + 1 === chars.length) {
        text += ANYTHING;
        shortcut = shortcut === "exact" ? "prefix" : "program";
      } else {
        text += DIRECTORIES;
        shortcut = "program";
      }
      if (starts) shortcut = "suffix";
    } else if (char === "*") {
      text += `${NOT_SLASH}*`;
      shortcut = "program";
    } else if (char === "?") {
      text += NOT_SLASH;
      shortcut = "program";
    } else if (ESCAPED.has(char)) {
      text += `\\${char}`;
    } else if (char === "\\") {
      text += `\\${chars[++at] ?? "\\"}`;
      shortcut = "program";
    } else {
      if (char === "[" || char === "]") shortcut = "program";
      text += char;
    }
  }
  return { text, shortcut };
}

/**
 * The program for an expression of `expressionOf`.
 * @throws TREE_PATTERN_INVALID where Go's regexp package refuses the expression
 */
export function compileExpression(pattern: ByteString, text: string): Program {
  const chars = Array.from(text);
  const program: Instruction[] = [];
  for (let at = 0; at < chars.length; ) {
    const char = chars[at]!;
    if (startsWith(chars, at, DIRECTORIES)) {
      program.push({ op: "dirs" }, { op: "dirs-loop" });
      at += DIRECTORIES.length;
    } else if (startsWith(chars, at, ANYTHING)) {
      program.push({ op: "loop", set: NOT_NEWLINE });
      at += ANYTHING.length;
    } else if (char === "[") {
      const { set, end } = parseSet(pattern, chars, at + 1);
      const isLoop = chars[end] === "*";
      program.push({ op: isLoop ? "loop" : "set", set });
      at = isLoop ? end + 1 : end;
    } else if (char === "^") {
      program.push({ op: "start" });
      at++;
    } else if (char === "\\") {
      program.push(escapeInstruction(pattern, chars[at + 1]!));
      at += 2;
    } else {
      program.push({ op: "char", rune: char.codePointAt(0)! });
      at++;
    }
  }
  return program;
}

const NOT_NEWLINE: RuneSet = { negated: true, ranges: [10, 10] };
const DIGIT = [48, 57];
const SPACE = [9, 10, 12, 13, 32, 32];
const WORD = [48, 57, 65, 90, 95, 95, 97, 122];
const ESCAPED_SETS: Readonly<Record<string, RuneSet>> = {
  d: { negated: false, ranges: DIGIT },
  D: { negated: true, ranges: DIGIT },
  s: { negated: false, ranges: SPACE },
  S: { negated: true, ranges: SPACE },
  w: { negated: false, ranges: WORD },
  W: { negated: true, ranges: WORD },
};
const ESCAPED_CONTROLS: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };
const POSIX_SETS: Readonly<Record<string, readonly number[]>> = {
  alnum: [48, 57, 65, 90, 97, 122],
  alpha: [65, 90, 97, 122],
  ascii: [0, 127],
  blank: [9, 9, 32, 32],
  cntrl: [0, 31, 127, 127],
  digit: DIGIT,
  graph: [33, 126],
  lower: [97, 122],
  print: [32, 126],
  punct: [33, 47, 58, 64, 91, 96, 123, 126],
  space: [9, 13, 32, 32],
  upper: [65, 90],
  word: WORD,
  xdigit: [48, 57, 65, 70, 97, 102],
};

/** What `\char` is: itself, unless it is an ASCII letter or digit, which name sets, controls and assertions. */
function escapeInstruction(pattern: ByteString, char: string): Instruction {
  const set = ESCAPED_SETS[char];
  if (set !== undefined) return { op: "set", set };
  // Assertions about words and ends. As a part of a path they are accidents, and no path that was meant matches them.
  if (char === "b" || char === "B" || char === "A" || char === "z") return { op: "never" };
  return { op: "char", rune: escapedRune(pattern, char) };
}

function escapedRune(pattern: ByteString, char: string): number {
  const control = ESCAPED_CONTROLS[char];
  if (control !== undefined) return control;
  if (/[0-9A-Za-z]/.test(char))
    throw invalidPattern(pattern, `"\\${char}" means nothing; folders are separated by "/"`);
  return char.codePointAt(0)!;
}

/** Parses a class whose `[` is before `at`; `end` is after its `]`. */
function parseSet(pattern: ByteString, chars: readonly string[], at: number): { set: RuneSet; end: number } {
  const negated = chars[at] === "^";
  if (negated) at++;
  const ranges: number[] = [];
  for (let isFirst = true; isFirst || chars[at] !== "]"; isFirst = false) {
    const named = namedRanges(pattern, chars, at);
    if (named !== undefined) {
      ranges.push(...named.ranges);
      at = named.end;
      continue;
    }
    const first = setCharacter(pattern, chars, at);
    at = first.end;
    let last = first.rune;
    if (chars[at] === "-" && chars[at + 1] !== "]" && at + 1 < chars.length) {
      const upper = setCharacter(pattern, chars, at + 1);
      at = upper.end;
      last = upper.rune;
      if (last < first.rune) throw invalidPattern(pattern, "a class has a range that ends before it starts");
    }
    ranges.push(first.rune, last);
  }
  return { set: { negated, ranges }, end: at + 1 };
}

function setCharacter(pattern: ByteString, chars: readonly string[], at: number): { rune: number; end: number } {
  const char = chars[at];
  if (char === undefined) throw invalidPattern(pattern, 'a "[" starts a class that has no end');
  if (char !== "\\") return { rune: char.codePointAt(0)!, end: at + 1 };
  const escaped = chars[at + 1];
  if (escaped === undefined) throw invalidPattern(pattern, 'a "[" starts a class that has no end');
  return { rune: escapedRune(pattern, escaped), end: at + 2 };
}

/** `[:name:]`, `[:^name:]` and the escapes that name a set, inside a class. */
function namedRanges(
  pattern: ByteString,
  chars: readonly string[],
  at: number,
): { ranges: readonly number[]; end: number } | undefined {
  if (chars[at] === "\\") {
    const set = ESCAPED_SETS[chars[at + 1] ?? ""];
    return set && { ranges: set.negated ? complement(set.ranges) : set.ranges, end: at + 2 };
  }
  if (chars[at] !== "[" || chars[at + 1] !== ":") return undefined;
  let end = at + 2;
  while (end < chars.length && !(chars[end] === ":" && chars[end + 1] === "]")) end++;
  if (end === chars.length) return undefined;
  const name = chars.slice(at + 2, end).join("");
  const ranges = POSIX_SETS[name.replace(/^\^/, "")];
  if (ranges === undefined) throw invalidPattern(pattern, `there is no class "[:${name}:]"`);
  return { ranges: name.startsWith("^") ? complement(ranges) : ranges, end: end + 2 };
}

/** The ranges between sorted `ranges`. */
function complement(ranges: readonly number[]): number[] {
  const rest: number[] = [];
  let from = 0;
  for (let at = 0; at < ranges.length; at += 2) {
    if (ranges[at]! > from) rest.push(from, ranges[at]! - 1);
    from = ranges[at + 1]! + 1;
  }
  rest.push(from, 0x10ffff);
  return rest;
}

function startsWith(chars: readonly string[], at: number, text: string): boolean {
  for (let index = 0; index < text.length; index++) if (chars[at + index] !== text[index]) return false;
  return true;
}
