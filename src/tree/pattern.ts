/**
 * The wildcard language of COPY sources: `*`, `?`, `[a-z]`, `[^a-z]` and `\` escapes, with the meaning of Go's
 * `filepath.Match`. Matching takes at most (length of name) × (length of pattern) steps, whatever the pattern.
 */
import { OcibuildError } from "../errors.js";
import { type ByteString, textOf } from "../util/bytes.js";
import { decodeRune, RUNE_ERROR } from "./runes.js";

/** One byte, any one character but `/`, or a class. */
type Unit = number | typeof ANY | CharacterClass;
interface CharacterClass {
  readonly negated: boolean;
  /** Pairs of first and last code point. */
  readonly ranges: readonly number[];
}
/** A run of units, after any number of bytes that are not `/` if `star` is set. */
interface Chunk {
  readonly star: boolean;
  readonly units: readonly Unit[];
}

const ANY = "any";
const SLASH = 47;
const BACKSLASH = 92;

export interface Pattern {
  readonly source: ByteString;
  /** True when the whole of `name` matches. */
  matches(name: ByteString): boolean;
  /** How many characters of a match may be a `/` that no `/` of the pattern stands for: classes can match it. */
  readonly looseSlashes: number;
}

/** Whether `path` has a character that makes it a pattern; an escaped one does not count. */
export function hasWildcards(path: ByteString): boolean {
  for (let at = 0; at < path.length; at++) {
    const char = path[at];
    if (char === "\\") at++;
    else if (char === "*" || char === "?" || char === "[") return true;
  }
  return false;
}

/**
 * Compiles `source`.
 * @throws TREE_PATTERN_INVALID for an unfinished or empty class, and for a `\` at the end
 */
export function compilePattern(source: ByteString): Pattern {
  const chunks = parseChunks(source);
  let looseSlashes = 0;
  for (const chunk of chunks) for (const unit of chunk.units) if (canBeSlash(unit)) looseSlashes++;
  return { source, looseSlashes, matches: (name) => matchChunks(chunks, name) };
}

function matchChunks(chunks: readonly Chunk[], name: ByteString): boolean {
  let at = 0;
  for (let index = 0; index < chunks.length; index++) {
    const { star, units } = chunks[index]!;
    const isLast = index === chunks.length - 1;
    if (star && units.length === 0) return name.indexOf("/", at) === -1;
    let end = matchUnits(units, name, at);
    // The first place where a chunk fits is as good as any later one, except for the last chunk, which must fit the end.
    while (end === -1 || (isLast && end !== name.length)) {
      if (!star || at >= name.length || name.charCodeAt(at) === SLASH) return false;
      end = matchUnits(units, name, ++at);
    }
    at = end;
  }
  return at === name.length;
}

/** Where `units` end in `name` when they start at `at`; -1 when they do not fit. */
function matchUnits(units: readonly Unit[], name: ByteString, at: number): number {
  for (const unit of units) {
    if (at >= name.length) return -1;
    if (typeof unit === "number") {
      if (name.charCodeAt(at) !== unit) return -1;
      at++;
      continue;
    }
    const decoded = decodeRune(name, at);
    const rune = decoded & 0xffffff;
    if (unit === ANY ? rune === SLASH : inRanges(unit.ranges, rune) === unit.negated) return -1;
    at += decoded >>> 24;
  }
  return at;
}

function inRanges(ranges: readonly number[], rune: number): boolean {
  for (let at = 0; at < ranges.length; at += 2) {
    if (ranges[at]! <= rune && rune <= ranges[at + 1]!) return true;
  }
  return false;
}

function canBeSlash(unit: Unit): boolean {
  return typeof unit === "object" && inRanges(unit.ranges, SLASH) !== unit.negated;
}

function parseChunks(source: ByteString): Chunk[] {
  const chunks: Chunk[] = [];
  let units: Unit[] = [];
  let star = false;
  for (let at = 0; at < source.length; ) {
    const char = source[at]!;
    if (char === "*") {
      if (units.length > 0) chunks.push({ star, units });
      units = [];
      star = true;
      at++;
    } else if (char === "[") {
      at = parseClass(source, at + 1, units);
    } else if (char === "?") {
      units.push(ANY);
      at++;
    } else {
      if (char === "\\" && ++at === source.length) throw invalidPattern(source, 'a "\\" at the end escapes nothing');
      units.push(source.charCodeAt(at++));
    }
  }
  if (star || units.length > 0) chunks.push({ star, units });
  return chunks;
}

/** Parses a class whose `[` is before `at`; returns where it ends. */
function parseClass(source: ByteString, at: number, units: Unit[]): number {
  const negated = source[at] === "^";
  if (negated) at++;
  const ranges: number[] = [];
  while (!(source[at] === "]" && ranges.length > 0)) {
    const first = classCharacter(source, at);
    at += first >>> 24;
    let last = first;
    if (source[at] === "-") {
      last = classCharacter(source, at + 1);
      at += 1 + (last >>> 24);
    }
    ranges.push(first & 0xffffff, last & 0xffffff);
  }
  units.push({ negated, ranges });
  return at + 1;
}

/** The code point at `at`, possibly escaped, and in the upper bits how many bytes it took. */
function classCharacter(source: ByteString, at: number): number {
  const escaped = source.charCodeAt(at) === BACKSLASH ? 1 : 0;
  const char = source[at];
  if (char === undefined || char === "-" || char === "]" || at + escaped >= source.length) {
    throw invalidPattern(source, 'a "[" starts a class that is empty or has no end');
  }
  const decoded = decodeRune(source, at + escaped);
  if ((decoded & 0xffffff) === RUNE_ERROR && decoded >>> 24 === 1) {
    throw invalidPattern(source, "it has a class with bytes that are not UTF-8");
  }
  if (at + escaped + (decoded >>> 24) >= source.length) {
    throw invalidPattern(source, 'a "[" starts a class that is empty or has no end');
  }
  return decoded + (escaped << 24);
}

/** The error for a pattern that cannot be read. */
export function invalidPattern(source: ByteString, why: string): OcibuildError<"TREE_PATTERN_INVALID"> {
  return new OcibuildError(
    "TREE_PATTERN_INVALID",
    `the pattern ${JSON.stringify(textOf(source))} is malformed: ${why}`,
    {
      details: { pattern: textOf(source) },
      hint: 'Put a "\\" before a character that is meant as itself.',
    },
  );
}
