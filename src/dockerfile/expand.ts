/**
 * Variable expansion and quote removal of Dockerfile words, as BuildKit's shell lexer does it (which is not a shell).
 *
 * `$X`, `${X}`, `${X:-w}` `:+` `:?` with and without the colon, `#` `##` `%` `%%` `/` `//` with patterns; single and
 * double quotes; the escape character of the file. Every append is checked against a limit before it happens.
 * @spec Dockerfile reference, "Environment replacement"
 */
import { isOcibuildError, OcibuildError } from "../errors.js";
import { goQuote } from "../util/go-format.js";
import { replacePattern, trimPrefix, trimSuffix } from "./shell-pattern.js";
import { WordSplitter } from "./word-splitter.js";

/** What the expansion asks; a `Map` will do. */
export interface Variables {
  get(name: string): string | undefined;
}

export interface ExpandOptions {
  /** The file's escape character, `\` unless given. */
  readonly escape?: "\\" | "`";
  /** Leaves quotes in the result. */
  readonly keepQuotes?: boolean;
  /** Treats quotes as ordinary characters, as in heredoc bodies. */
  readonly ignoreQuotes?: boolean;
  /** Leaves escape characters in the result. */
  readonly keepEscapes?: boolean;
  /** Leaves references to unset variables as they are. */
  readonly keepUnset?: boolean;
  /** Longest result in UTF-16 units; 1 Mi unless given. */
  readonly maxLength?: number;
}

export interface Expansion {
  readonly value: string;
  /** Names that were looked up and are set, in order of first use. */
  readonly matched: ReadonlySet<string>;
  /** Names that were looked up and are not set. */
  readonly unmatched: ReadonlySet<string>;
}

/** Longest word that variables may grow to, in UTF-16 units. */
export const MAX_WORD_LENGTH: number = 1024 * 1024;

const MAX_NESTING = 200;

/**
 * Expands `word` to one word: blanks that a variable brings in stay.
 * @throws DOCKERFILE_EXPANSION, LIMIT_EXCEEDED
 */
export function expandWord(word: string, variables: Variables, options: ExpandOptions = {}): Expansion {
  const lexer = new Lexer(word, variables, options, false);
  const value = lexer.run();
  return { value, matched: lexer.matched, unmatched: lexer.unmatched };
}

/**
 * Expands `word` and splits it at unquoted blanks, those of variables included.
 * @throws DOCKERFILE_EXPANSION, LIMIT_EXCEEDED
 */
export function expandWords(word: string, variables: Variables, options: ExpandOptions = {}): readonly string[] {
  const lexer = new Lexer(word, variables, options, true);
  lexer.run();
  return lexer.words;
}

const NAME_CHARACTER = /^[\p{L}\p{Nd}_]$/u;
const DIGIT = /^\p{Nd}$/u;
const SPECIAL_PARAMETERS = "@*#?-$!0";

/** One pass over one word. */
class Lexer {
  readonly matched = new Set<string>();
  readonly unmatched = new Set<string>();
  /** Filled by `run`. */
  words: readonly string[] = [];
  private readonly source: string;
  private readonly variables: Variables;
  private readonly escape: string;
  private readonly options: ExpandOptions;
  private readonly limit: number;
  private readonly splits: boolean;
  private at = 0;
  private keepEscapes: boolean;
  private nesting = 0;
  /** The word being collected; one for all levels, as in BuildKit, where `a${X:-b}` splits to `b`. */
  private pending = "";

  constructor(source: string, variables: Variables, options: ExpandOptions, splits: boolean) {
    this.source = source;
    this.splits = splits;
    this.variables = variables;
    this.options = options;
    this.escape = options.escape ?? "\\";
    this.keepEscapes = options.keepEscapes ?? false;
    this.limit = options.maxLength ?? MAX_WORD_LENGTH;
    if (source.startsWith("\ufeff")) this.at = 1;
  }

  run(): string {
    try {
      return this.until(undefined, this.keepEscapes);
    } catch (error) {
      if (!isOcibuildError(error, "DOCKERFILE_EXPANSION")) throw error;
      throw failure(`failed to process ${goQuote(this.source)}: ${error.message}`, this.source);
    }
  }

  private peek(): string | undefined {
    return this.at < this.source.length ? this.source[this.at] : undefined;
  }

  /** The next whole character. */
  private next(): string | undefined {
    const code = this.source.codePointAt(this.at);
    if (code === undefined) return undefined;
    const character = String.fromCodePoint(code);
    this.at += character.length;
    return character;
  }

  private append(text: string, more: string): string {
    if (text.length + more.length > this.limit) {
      throw new OcibuildError("LIMIT_EXCEEDED", `an expanded word would be longer than ${this.limit} characters`, {
        details: { limit: "expanded word", value: text.length + more.length },
        hint: "A variable that refers to itself twice doubles its length each time.",
      });
    }
    return text + more;
  }

  /** Reads up to `stop` (which is taken), or to the end of the source. */
  private until(stop: string | undefined, keepEscapes: boolean): string {
    if (++this.nesting > MAX_NESTING) {
      throw new OcibuildError("LIMIT_EXCEEDED", `variables are nested more than ${MAX_NESTING} deep`, {
        details: { limit: "nesting of variables", value: this.nesting },
      });
    }
    const outerKeepEscapes = this.keepEscapes;
    this.keepEscapes = keepEscapes;
    this.pending = "";
    const words = new WordSplitter();
    let result = "";
    const take = (text: string, splits: boolean): void => {
      result = this.append(result, text);
      if (this.splits) this.pending = splits ? words.addSplit(this.pending, text) : words.add(this.pending, text);
    };
    for (;;) {
      const run = this.ordinary(stop);
      if (run !== "") take(run, true);
      const character = this.peek();
      if (character === undefined || character === stop) break;
      if (character !== this.escape) {
        take(this.special(character), character === "$");
        continue;
      }
      this.at++;
      if (keepEscapes) take(character, false);
      const escaped = this.next();
      if (escaped !== undefined) take(escaped, false);
    }
    if (stop !== undefined && this.next() === undefined) {
      throw failure(`unexpected end of statement while looking for matching ${stop}`, this.source);
    }
    this.keepEscapes = outerKeepEscapes;
    this.nesting--;
    this.words = words.finish(this.pending);
    this.pending = "";
    return result;
  }

  /** The characters from here that mean nothing but themselves. */
  private ordinary(stop: string | undefined): string {
    const start = this.at;
    for (; this.at < this.source.length; this.at++) {
      const character = this.source[this.at]!;
      if (character === "$" || character === "<" || character === this.escape || character === stop) break;
      if ((character === "'" || character === '"') && this.options.ignoreQuotes !== true) break;
    }
    return this.source.slice(start, this.at);
  }

  /** What a character with a meaning, and what belongs to it, stand for. */
  private special(character: string): string {
    switch (character) {
      case "$":
        return this.dollar();
      case "'":
        return this.singleQuoted();
      case '"':
        return this.doubleQuoted();
      default:
        return this.heredocMark();
    }
  }

  private singleQuoted(): string {
    const end = this.source.indexOf("'", this.at + 1);
    if (end === -1) {
      this.at = this.source.length;
      throw failure("unexpected end of statement while looking for matching single-quote", this.source);
    }
    const quoted = this.source.slice(this.at, end + 1);
    this.at = end + 1;
    return this.options.keepQuotes === true ? quoted : quoted.slice(1, -1);
  }

  private doubleQuoted(): string {
    const quote = this.options.keepQuotes === true ? '"' : "";
    this.at++;
    let result = quote;
    for (;;) {
      const character = this.peek();
      if (character === undefined) {
        throw failure("unexpected end of statement while looking for matching double-quote", this.source);
      }
      if (character === '"') {
        this.at++;
        return this.append(result, quote);
      }
      if (character === "$") {
        result = this.append(result, this.dollar());
        continue;
      }
      let taken = this.next()!;
      if (taken === this.escape) {
        if (this.keepEscapes) result = this.append(result, taken);
        const escaped = this.peek();
        if (escaped === undefined) continue;
        if (escaped === '"' || escaped === "$" || escaped === this.escape) taken = this.next()!;
      }
      result = this.append(result, taken);
    }
  }

  private dollar(): string {
    this.at++;
    if (this.peek() !== "{") {
      const name = this.name();
      if (name === "") return "$";
      const value = this.lookUp(name);
      return value ?? (this.options.keepUnset === true ? `$${name}` : "");
    }
    this.at++;
    const first = this.peek();
    if (first === undefined) throw failure("syntax error: missing '}'", this.source);
    if (first === "{" || first === "}" || first === ":") {
      throw failure("syntax error: bad substitution", this.source);
    }
    const name = this.name();
    const modifier = this.next() ?? "\ufffd";
    switch (modifier) {
      case "}": {
        const value = this.lookUp(name);
        return value ?? (this.options.keepUnset === true ? `\${${name}}` : "");
      }
      case ":":
        return this.modified(name, this.next() ?? "\ufffd", ":");
      case "+":
      case "-":
      case "?":
      case "#":
      case "%":
        return this.modified(name, modifier, "");
      case "/":
        return this.replaced(name);
      default:
        throw failure(`unsupported modifier (${modifier}) in substitution`, this.source);
    }
  }

  /** `${name-word}` and its like; `colon` is `:` where an empty variable counts as unset. */
  private modified(name: string, modifier: string, colon: "" | ":"): string {
    const trims = modifier === "#" || modifier === "%";
    if (trims && colon === ":") {
      throw failure(`unsupported modifier (:${modifier}) in substitution`, this.source);
    }
    const word = this.part("}", trims, "syntax error: missing '}'");
    const value = this.lookUp(name);
    if (value === undefined && this.options.keepUnset === true) return `\${${name}${colon}${modifier}${word}}`;
    const missing = value === undefined || (colon === ":" && value === "");
    switch (modifier) {
      case "-":
        return missing ? word : value;
      case "+":
        return missing ? "" : word;
      case "?":
        if (!missing) return value;
        throw failure(
          `${name}: ${word !== "" ? word : `is not allowed to be ${value === undefined ? "unset" : "empty"}`}`,
          this.source,
        );
      case "#":
      case "%": {
        const longest = word.startsWith(modifier);
        const pattern = longest ? word.slice(1) : word;
        const trim = modifier === "#" ? trimPrefix : trimSuffix;
        return this.withPattern(pattern, () => trim(pattern, value ?? "", longest));
      }
      default:
        throw failure(`unsupported modifier (${colon}${modifier}) in substitution`, this.source);
    }
  }

  private replaced(name: string): string {
    const all = this.peek() === "/";
    if (all) this.at++;
    const pattern = this.part("/", true, "syntax error: missing '/' in ${}");
    const replacement = this.part("}", true, "syntax error: missing '}'");
    const value = this.lookUp(name);
    if (value === undefined && this.options.keepUnset === true) return `\${${name}/${pattern}/${replacement}}`;
    return this.withPattern(pattern, () =>
      replacePattern(pattern, value ?? "", replacement, { all, limit: this.limit }),
    );
  }

  /** A nested word; at the end of the source every failure is told as `atEnd`. */
  private part(stop: string, keepEscapes: boolean, atEnd: string): string {
    try {
      return this.until(stop, keepEscapes);
    } catch (error) {
      if (isOcibuildError(error, "DOCKERFILE_EXPANSION") && this.peek() === undefined) {
        throw failure(atEnd, this.source);
      }
      throw error;
    }
  }

  private withPattern(pattern: string, apply: () => string): string {
    try {
      return apply();
    } catch (error) {
      if (!isOcibuildError(error, "DOCKERFILE_EXPANSION")) throw error;
      throw failure(`invalid pattern (${pattern}) in substitution: ${error.message}`, this.source);
    }
  }

  /** Letters, digits and `_`; digits alone or one special character when it starts with such. */
  private name(): string {
    const start = this.at;
    const first = this.source.codePointAt(this.at);
    if (first === undefined) return "";
    const character = String.fromCodePoint(first);
    if (DIGIT.test(character)) {
      while (this.takes(DIGIT));
    } else if (SPECIAL_PARAMETERS.includes(character)) {
      this.at++;
    } else {
      while (this.takes(NAME_CHARACTER));
    }
    return this.source.slice(start, this.at);
  }

  private takes(kind: RegExp): boolean {
    const code = this.source.codePointAt(this.at);
    if (code === undefined) return false;
    const character = String.fromCodePoint(code);
    if (!kind.test(character)) return false;
    this.at += character.length;
    return true;
  }

  /** `<<` and the blanks behind it, which do not split words. */
  private heredocMark(): string {
    const start = this.at++;
    if (this.peek() !== "<") return "<";
    this.at++;
    for (let blank = this.peek(); blank === " " || blank === "\t" || blank === "\r"; blank = this.peek()) this.at++;
    return this.source.slice(start, this.at);
  }

  private lookUp(name: string): string | undefined {
    const value = this.variables.get(name);
    (value === undefined ? this.unmatched : this.matched).add(name);
    return value;
  }
}

function failure(message: string, word: string): OcibuildError<"DOCKERFILE_EXPANSION"> {
  return new OcibuildError("DOCKERFILE_EXPANSION", message, {
    details: { word: word.length > 200 ? `${word.slice(0, 200)}…` : word },
  });
}
