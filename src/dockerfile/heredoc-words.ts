/**
 * Splits a line into words as a shell would, to find `<<EOF` among them. Variables are left as they are.
 *
 * Bends where BuildKit's lexer bends: what stands before a `${x:-…}` in the same word is lost, blanks inside of it split,
 * and an error anywhere in the line (an unbalanced quote, a bad `${`) means that the line has no heredoc at all.
 * The escape character is `\` here whatever the directive says. Linear, no recursion (threat C1).
 */
import { isSpace } from "./whitespace.js";

export interface ShellWord {
  readonly text: string;
  /** Offsets of its first character and after its last. */
  readonly start: number;
  readonly end: number;
}

export interface ShellSplitOptions {
  /** Keep quotes in the words. */
  readonly quotes: boolean;
  /** Keep escapes in the words. */
  readonly escapes: boolean;
}

/** An open `"`, or an open `${…}`. */
interface Frame {
  readonly quoted: boolean;
  /** The character that ends it, or its first half in `${x/pattern/text}`. */
  stop: string;
  /** Whether escapes are kept inside. */
  readonly escapes: boolean;
}

const NAME = /\p{Nd}+|[@*#?\-$!0]|[\p{L}\p{Nd}_]+|/uy;

/** The words of `text`; `undefined` when quotes or braces do not close or a `${` makes no sense. */
export function splitShellWords(text: string, options: ShellSplitOptions): ShellWord[] | undefined {
  const words: ShellWord[] = [];
  const stack: Frame[] = [];
  let parts: string[] = [];
  let start = 0;
  let end = 0;
  let at = 0;
  // The outermost quote or variable: how much of the word stood before it, where it begins, and whether that is dropped.
  let groupParts = 0;
  let groupAt = 0;
  let groupDropped = false;

  function endWord(): void {
    if (parts.length > 0) words.push({ text: parts.join(""), start, end });
    parts = [];
  }
  /** Adds `chars`, which were written at `from`. Spaces end the word, except in quotes and where `raw`. */
  function put(from: number, chars: string, raw: boolean = false): void {
    const keep = stack.length === 0 ? raw : stack[0]!.quoted;
    for (let index = 0; index < chars.length; index++) {
      const char = chars[index]!;
      if (!keep && isSpace(char.charCodeAt(0))) {
        endWord();
        continue;
      }
      if (parts.length === 0) start = from;
      parts.push(char);
      end = Math.max(from + 1, at);
    }
  }
  function open(frame: Frame): void {
    if (!frame.quoted && !groupDropped) {
      parts = parts.slice(groupParts);
      start = groupAt;
      groupDropped = true;
    }
    stack.push(frame);
  }
  function readName(): void {
    NAME.lastIndex = at;
    at += NAME.exec(text)![0].length;
  }
  /** Reads from a `$`; false when it makes no sense. */
  function dollar(): boolean {
    const from = at++;
    if (text[at] !== "{") {
      readName();
      put(from, text.slice(from, at));
      return true;
    }
    at++;
    if (at >= text.length || "{}:".includes(text[at]!)) return false;
    readName();
    let modifier = text[at++];
    let frame: Frame | undefined;
    if (modifier === ":") {
      modifier = text[at++];
      if (modifier === undefined || modifier === "#" || modifier === "%") return false;
      frame = { quoted: false, stop: "}", escapes: false };
    } else if (modifier === "/") {
      frame = { quoted: false, stop: "/", escapes: true };
    } else if (modifier !== undefined && "+-?#%".includes(modifier)) {
      frame = { quoted: false, stop: "}", escapes: modifier === "#" || modifier === "%" };
    } else if (modifier !== "}") {
      return false;
    }
    const prefix = text.slice(from, at);
    if (modifier === "/" && text[at] === "/" && frame?.stop === "/") at++;
    if (frame !== undefined) open(frame);
    put(from, prefix);
    return true;
  }

  while (at < text.length) {
    const char = text[at]!;
    const top = stack[stack.length - 1];
    const escapes = top === undefined ? options.escapes : top.escapes;
    if (top === undefined) {
      groupParts = parts.length;
      groupAt = at;
      groupDropped = false;
    }
    if (char === "$") {
      if (!dollar()) return undefined;
    } else if (char === top?.stop) {
      at++;
      if (char !== '"' || options.quotes) put(at - 1, char);
      if (char === "/") stack[stack.length - 1] = { ...top, stop: "}" };
      else stack.pop();
    } else if (top?.quoted) {
      at++;
      if (char !== "\\") put(at - 1, char);
      else {
        if (escapes) put(at - 1, char);
        const next = text[at];
        if (next === undefined) return undefined;
        if (next === '"' || next === "$" || next === "\\") put(at++, next);
        else put(at - 1, char);
      }
    } else if (char === '"') {
      at++;
      open({ quoted: true, stop: '"', escapes });
      if (options.quotes) put(at - 1, char);
    } else if (char === "'") {
      const close = text.indexOf("'", at + 1);
      if (close === -1) return undefined;
      const from = at;
      at = close + 1;
      put(from, options.quotes ? text.slice(from, at) : text.slice(from + 1, close), true);
    } else if (char === "<" && text[at + 1] === "<") {
      const from = at;
      at += 2;
      while (at < text.length && isHeredocBlank(text[at]!)) at++;
      put(from, text.slice(from, at), true);
    } else if (char === "\\") {
      at++;
      if (escapes) put(at - 1, char, true);
      const next = text[at];
      if (next !== undefined) {
        at++;
        put(at - 1, next, true);
      }
    } else {
      at++;
      put(at - 1, char);
    }
  }
  if (stack.length > 0) return undefined;
  endWord();
  return words;
}

function isHeredocBlank(char: string): boolean {
  return char === " " || char === "\t" || char === "\r";
}
