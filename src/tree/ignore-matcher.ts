/**
 * Lists of patterns with exceptions, as `.dockerignore` has them: the last pattern that matches decides, `!` takes back,
 * and a pattern that matches a directory holds for everything below it. Agrees with moby/patternmatcher's
 * `MatchesUsingParentResults`, which BuildKit uses when it walks a context.
 */
import { type ByteString, bytesOf, textOf } from "../util/bytes.js";
import { compileIgnorePattern, type IgnorePattern } from "./ignore-pattern.js";
import { cleanPath } from "./paths.js";
import { compilePattern, invalidPattern } from "./pattern.js";

/** One line of the list, as errors show it. */
export interface IgnoreRule {
  /** As it was written, with its `!`. */
  readonly text: string;
  /** 1-based line in the file that the rule is from; 0 when it is from no file. */
  readonly line: number;
}

/** What is known about a directory, for deciding about what it holds. */
export interface DirectoryState {
  /** Whether the directory itself is matched. */
  readonly matched: boolean;
  /** For each pattern whether it matched the directory or one above it; `undefined` for "none did". */
  readonly flags: Uint8Array | undefined;
}

export interface IgnoreDecision {
  readonly matched: boolean;
  /** The last rule that had a say; `undefined` when none matches. */
  readonly rule: IgnoreRule | undefined;
}

interface CompiledRule extends IgnorePattern {
  readonly rule: IgnoreRule;
  readonly isException: boolean;
  readonly pattern: ByteString;
}

/** State of the root directory, which no pattern can match. */
export const ROOT_STATE: DirectoryState = { matched: false, flags: undefined };

export class IgnoreMatcher {
  /** True when a pattern takes something back (`!`). */
  readonly hasExceptions: boolean;
  readonly #rules: readonly CompiledRule[];

  constructor(rules: readonly CompiledRule[]) {
    this.#rules = rules;
    this.hasExceptions = rules.some((rule) => rule.isException);
  }

  /** True when there is no pattern. */
  get isEmpty(): boolean {
    return this.#rules.length === 0;
  }

  /** The rules in their order, as they were written. */
  get rules(): readonly IgnoreRule[] {
    return this.#rules.map(({ rule }) => rule);
  }

  /** Cleaned patterns in their order, without `!`. */
  get patterns(): readonly { readonly pattern: ByteString; readonly isException: boolean }[] {
    return this.#rules;
  }

  /** Whether `path`, which is in a directory of state `parent`, is matched. */
  isMatched(path: ByteString, parent: DirectoryState): boolean {
    const rules = this.#rules;
    const flags = parent.flags;
    let matched = false;
    for (let index = 0; index < rules.length; index++) {
      const rule = rules[index]!;
      if (flags?.[index] === 1) matched = !rule.isException;
      else if (rule.isException === matched && rule.matches(path)) matched = !matched;
    }
    return matched;
  }

  /** The state of the directory `path`, which is in a directory of state `parent`. */
  enter(path: ByteString, parent: DirectoryState): DirectoryState {
    const rules = this.#rules;
    const inherited = parent.flags;
    let flags: Uint8Array | undefined;
    let matched = false;
    for (let index = 0; index < rules.length; index++) {
      const rule = rules[index]!;
      if (inherited?.[index] !== 1 && !(rule.isException === matched && rule.matches(path))) continue;
      flags ??= new Uint8Array(rules.length);
      flags[index] = 1;
      matched = !rule.isException;
    }
    return flags === undefined ? ROOT_STATE : { matched, flags };
  }

  /** False when nothing below the matched directory `path` is taken back, so that nobody need look. */
  canUnmatchBelow(path: ByteString): boolean {
    return this.hasExceptions && this.#rules.some((rule) => rule.isException && rule.canMatchBelow(path));
  }

  /** False when nothing below the directory `path`, itself not matched, is matched. */
  canMatchBelow(path: ByteString): boolean {
    return this.#rules.some((rule) => !rule.isException && rule.canMatchBelow(path));
  }

  /** The decision about `path` alone, directory by directory from the root, with the rule that made it. */
  decide(path: ByteString): IgnoreDecision {
    let state = ROOT_STATE;
    for (let slash = path.indexOf("/"); slash !== -1; slash = path.indexOf("/", slash + 1)) {
      state = this.enter(path.slice(0, slash) as ByteString, state);
    }
    const { matched, flags } = this.enter(path, state);
    const last = flags?.lastIndexOf(1) ?? -1;
    return { matched, rule: this.#rules[last]?.rule };
  }

  /**
   * The decision of moby/patternmatcher's `MatchesOrParentMatches`, which looks at every parent for every pattern.
   * Differs from `decide` in rare lists with exceptions; the lint rule CopyIgnoredFile asks this one.
   */
  matchesOrParentMatches(path: ByteString): boolean {
    let matched = false;
    for (const rule of this.#rules) {
      if (rule.isException !== matched) continue;
      let match = rule.matches(path);
      for (let slash = path.indexOf("/"); !match && slash !== -1; slash = path.indexOf("/", slash + 1)) {
        match = rule.matches(path.slice(0, slash) as ByteString);
      }
      if (match) matched = !matched;
    }
    return matched;
  }
}

/**
 * Compiles a list of patterns; blank ones are left out.
 * @throws TREE_PATTERN_INVALID
 */
export function compileIgnoreMatcher(rules: readonly IgnoreRule[]): IgnoreMatcher {
  return new IgnoreMatcher(rules.flatMap((rule) => compileIgnoreRule(rule) ?? []));
}

/** A matcher for patterns that are from no file, for example those of `--exclude`. @throws TREE_PATTERN_INVALID */
export function matcherForPatterns(patterns: readonly string[]): IgnoreMatcher {
  return compileIgnoreMatcher(patterns.map((text) => ({ text, line: 0 })));
}

/** A matcher for one pattern that need not be UTF-8. @throws TREE_PATTERN_INVALID */
export function matcherForBytes(pattern: ByteString): IgnoreMatcher {
  const rule = compileIgnoreBytes(pattern, { text: textOf(pattern), line: 0 });
  return new IgnoreMatcher(rule === undefined ? [] : [rule]);
}

/** One compiled rule; `undefined` for a blank one. @throws TREE_PATTERN_INVALID */
export function compileIgnoreRule(rule: IgnoreRule): CompiledRule | undefined {
  return compileIgnoreBytes(bytesOf(rule.text), rule);
}

/** Like `compileIgnoreRule`, for a pattern whose bytes need not be UTF-8. @throws TREE_PATTERN_INVALID */
export function compileIgnoreBytes(bytes: ByteString, rule: IgnoreRule): CompiledRule | undefined {
  const trimmed = trimSpace(bytes);
  if (trimmed === "") return undefined;
  const clean = cleanPath(trimmed);
  const isException = clean.startsWith("!");
  const pattern = (isException ? clean.slice(1) : clean) as ByteString;
  if (isException && pattern === "") throw invalidPattern(clean, '"!" needs a pattern after it');
  compilePattern(pattern);
  return { ...compileIgnorePattern(pattern), rule, isException, pattern };
}

/** Unicode's white space beyond ASCII, in UTF-8. */
const WIDE_SPACE = /^(?:\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]|\xe2\x81\x9f|\xe3\x80\x80)$/;

/** `bytes` without white space (that of Unicode, in UTF-8) at either end. */
export function trimSpace(bytes: ByteString): ByteString {
  let start = 0;
  let end = bytes.length;
  for (let width = 1; width > 0 && start < end; start += width) {
    width = spaceWidth(bytes, (size) => (start + size <= end ? start : -1));
  }
  for (let width = 1; width > 0 && start < end; end -= width) {
    width = spaceWidth(bytes, (size) => (end - size >= start ? end - size : -1));
  }
  return bytes.slice(start, end) as ByteString;
}

/** How many bytes the white space takes that `place` points at, given its size; 0 when there is none. */
function spaceWidth(bytes: ByteString, place: (size: number) => number): number {
  const one = bytes.charCodeAt(place(1));
  if (one === 32 || (one >= 9 && one <= 13)) return 1;
  for (const size of [2, 3]) {
    const at = place(size);
    if (at !== -1 && WIDE_SPACE.test(bytes.slice(at, at + size))) return size;
  }
  return 0;
}
