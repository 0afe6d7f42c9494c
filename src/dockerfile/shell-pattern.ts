/**
 * The patterns of `${X#p}`, `${X%p}` and `${X/p/r}`: `*` and `?` (neither crosses a newline), `\` before `*`, `?` and
 * `\`. Brackets are ordinary characters.
 *
 * Matching follows all alternatives in one pass over the text, so its time is text × pattern at worst, whatever the
 * pattern (no backtracking).
 */
import { OcibuildError } from "../errors.js";

const ANY = -1;
const STAR = -2;
const NEWLINE = 10;

/** Code points, `ANY` and `STAR`. */
type Tokens = readonly number[];

/** Text × pattern steps that one search may take: a fraction of a second. */
const MAX_STEPS = 2 ** 28;

/**
 * `text` without the shortest (or `longest`) match of `pattern` at its front.
 * @throws DOCKERFILE_EXPANSION, LIMIT_EXCEEDED
 */
export function trimPrefix(pattern: string, text: string, longest: boolean): string {
  const points = codePoints(text);
  const found = find(parsePattern(pattern), points, 0, { anchored: true, longest });
  return found === undefined ? text : textOfPoints(points, found.end);
}

/**
 * `text` without the shortest (or `longest`) match of `pattern` at its end.
 * @throws DOCKERFILE_EXPANSION, LIMIT_EXCEEDED
 */
export function trimSuffix(pattern: string, text: string, longest: boolean): string {
  return reverse(trimPrefix(reversePattern(pattern), reverse(text), longest));
}

/**
 * `text` with `replacement` in place of the first (or of every) longest match of `pattern`. When all are replaced, `$0`,
 * `$name` and `${name}` in `replacement` are Go's templates: the match, or nothing.
 * @throws DOCKERFILE_EXPANSION, LIMIT_EXCEEDED when the result is longer than `limit`
 */
export function replacePattern(
  pattern: string,
  text: string,
  replacement: string,
  { all, limit }: { readonly all: boolean; readonly limit: number },
): string {
  const tokens = parsePattern(pattern);
  const points = codePoints(text);
  const template = all ? parseTemplate(replacement) : [replacement];
  let result = "";
  let copied = 0;
  let lastEnd = -1;
  for (let at = 0; at <= points.length; ) {
    const found = find(tokens, points, at, { anchored: false, longest: true });
    if (found === undefined) break;
    // As in Go, an empty match right behind the last match does not count.
    if (found.end > found.start || found.start !== lastEnd) {
      const matched = textOfPoints(points, found.start, found.end);
      let length = result.length + found.start - copied;
      for (const part of template) length += (part ?? matched).length;
      if (length > limit) throw tooLong(limit, length);
      result += textOfPoints(points, copied, found.start) + template.map((part) => part ?? matched).join("");
      copied = found.end;
      if (!all) break;
    }
    lastEnd = found.end;
    at = found.end > found.start ? found.end : found.end + 1;
  }
  return result + textOfPoints(points, copied);
}

function parsePattern(pattern: string): Tokens {
  const points = codePoints(pattern.startsWith("\ufeff") ? pattern.slice(1) : pattern);
  const tokens: number[] = [];
  for (let at = 0; at < points.length; at++) {
    const point = points[at]!;
    if (point === 0x2a) {
      tokens.push(STAR);
    } else if (point === 0x3f) {
      tokens.push(ANY);
    } else if (point === 0x5c) {
      const next = points[at + 1];
      // `\}` and `\/` only kept the character from ending the pattern.
      if (next === 0x7d || next === 0x2f) continue;
      if (next !== 0x2a && next !== 0x3f && next !== 0x5c) {
        const shown = next === undefined ? "\ufffd" : String.fromCodePoint(next);
        throw new OcibuildError("DOCKERFILE_EXPANSION", `invalid escape '\\${shown}'`, { details: { word: pattern } });
      }
      tokens.push(next);
      at++;
    } else {
      tokens.push(point);
    }
  }
  return tokens;
}

/** Reverses a pattern, each escape kept in front of its character. */
function reversePattern(pattern: string): string {
  const parts: string[] = [];
  const characters = [...pattern];
  for (let at = 0; at < characters.length; at++) {
    const pair = characters[at] === "\\" && at + 1 < characters.length;
    parts.push(pair ? `\\${characters[++at]}` : characters[at]!);
  }
  return parts.reverse().join("");
}

interface Found {
  readonly start: number;
  readonly end: number;
}

/** The leftmost match from `from` on, of those the longest or shortest. */
function find(
  tokens: Tokens,
  points: readonly number[],
  from: number,
  { anchored, longest }: { readonly anchored: boolean; readonly longest: boolean },
): Found | undefined {
  const steps = tokens.length * (points.length - from);
  if (steps > MAX_STEPS) {
    throw new OcibuildError("LIMIT_EXCEEDED", `a variable of ${points.length} characters is too long for its pattern`, {
      details: { limit: "text × pattern of a variable expansion", value: steps },
      hint: "Shorten the value or the pattern.",
    });
  }
  // starts[i]: the smallest start from which the first i tokens match up to here, or -1.
  const starts = new Int32Array(tokens.length + 1).fill(-1);
  let best: Found | undefined;
  for (let at = from; ; at++) {
    if (best === undefined && (!anchored || at === from)) starts[0] = earlier(starts[0]!, at);
    for (let index = 0; index < tokens.length; index++) {
      // A star may take nothing.
      if (tokens[index] === STAR) starts[index + 1] = earlier(starts[index]!, starts[index + 1]!);
    }
    const start = starts[tokens.length]!;
    if (start !== -1 && (best === undefined || start <= best.start)) {
      best = { start, end: at };
      if (!longest) return best;
    }
    if (at === points.length) return best;
    step(tokens, starts, points[at]!);
    if ((best !== undefined || anchored) && !alive(starts, best?.start ?? from)) return best;
  }
}

/** Takes one character: a star stays where it is, every other token moves on. */
function step(tokens: Tokens, starts: Int32Array, point: number): void {
  for (let index = tokens.length; index >= 0; index--) {
    const stays = tokens[index] === STAR && point !== NEWLINE ? starts[index]! : -1;
    const token = tokens[index - 1];
    const moves = token === point || (token === ANY && point !== NEWLINE) ? starts[index - 1]! : -1;
    starts[index] = earlier(stays, moves);
  }
}

function alive(starts: Int32Array, start: number): boolean {
  for (let index = 0; index < starts.length; index++) {
    if (starts[index] !== -1 && starts[index]! <= start) return true;
  }
  return false;
}

function earlier(a: number, b: number): number {
  if (a === -1) return b;
  return b === -1 || a < b ? a : b;
}

/** Parts of Go's replacement template: text, or `undefined` for the whole match. */
function parseTemplate(replacement: string): readonly (string | undefined)[] {
  const parts: (string | undefined)[] = [];
  let at = 0;
  for (let dollar = replacement.indexOf("$"); dollar !== -1; dollar = replacement.indexOf("$", at)) {
    parts.push(replacement.slice(at, dollar));
    const name = TEMPLATE_NAME.exec(replacement.slice(dollar + 1, dollar + 1 + MAX_TEMPLATE_NAME))?.[0];
    if (name === undefined || name === "$") parts.push("$");
    else if (name === "0" || name === "{0}") parts.push(undefined);
    at = dollar + 1 + (name?.length ?? 0);
  }
  parts.push(replacement.slice(at));
  return parts;
}

const TEMPLATE_NAME = /^(?:\$|\{[\p{L}\p{Nd}_]+\}|[\p{L}\p{Nd}_]+)/u;
const MAX_TEMPLATE_NAME = 4096;

function codePoints(text: string): readonly number[] {
  const points: number[] = [];
  for (const character of text) points.push(character.codePointAt(0)!);
  return points;
}

const CHUNK = 8192;

function textOfPoints(points: readonly number[], start: number, end: number = points.length): string {
  let text = "";
  for (let at = start; at < end; at += CHUNK) {
    text += String.fromCodePoint(...points.slice(at, Math.min(at + CHUNK, end)));
  }
  return text;
}

function reverse(text: string): string {
  return [...text].reverse().join("");
}

function tooLong(limit: number, length: number): OcibuildError {
  return new OcibuildError("LIMIT_EXCEEDED", `an expanded word would be longer than ${limit} characters`, {
    details: { limit: "expanded word", value: length },
    hint: "Shorten the value or the replacement.",
  });
}
