/** Text → a word that expands to it: the inverse of variable expansion. */
import { isSpace } from "../whitespace.js";
import type { Text } from "./descriptions.js";

/**
 * What ends a word where it will stand: blanks outside of quotes (`quotable`), or nothing that quotes could keep
 * (`bare`). At the ends of a `line` blanks are trimmed.
 */
export type WordPlace = "quotable" | "bare" | "line";

/** `text` as it has to be written before the place's own rules (JSON, flags) apply. */
export function encodeText(text: Text, escapeChar: string, place: WordPlace): string {
  if (typeof text === "object" && "value" in text) return text.value;
  const literal = typeof text === "object";
  const plain = literal ? text.literal : text;
  const quote = wantsQuotes(plain, place) ? '"' : "";
  let encoded = quote;
  for (let at = 0; at < plain.length; at++) {
    const char = plain[at]!;
    if (char === "$" && !literal) {
      const end = endOfReference(plain, at, escapeChar);
      encoded += plain.slice(at, end);
      at = end - 1;
    } else {
      encoded += isSpecial(char, at, quote, escapeChar) ? escapeChar + char : char;
    }
  }
  return encoded + quote;
}

function wantsQuotes(text: string, place: WordPlace): boolean {
  if (place === "bare") return false;
  if (place === "line") return text !== "" && (isSpaceAt(text, 0) || isSpaceAt(text, text.length - 1));
  for (let at = 0; at < text.length; at++) if (isSpaceAt(text, at)) return true;
  return false;
}

function isSpaceAt(text: string, at: number): boolean {
  return isSpace(text.charCodeAt(at));
}

function isSpecial(char: string, at: number, quote: string, escapeChar: string): boolean {
  if (char === '"' || char === escapeChar || char === "$") return true;
  // A byte order mark at the start of a word is dropped.
  return quote === "" && (char === "'" || (at === 0 && char === "\ufeff"));
}

/** The offset after the `$name` or `${…}` at `at`, or after the `$` when it refers to nothing. */
function endOfReference(text: string, at: number, escapeChar: string): number {
  if (text[at + 1] !== "{") return at + 1;
  let depth = 0;
  for (let end = at + 1; end < text.length; end++) {
    const char = text[end];
    if (char === escapeChar) end++;
    else if (char === "{" && text[end - 1] === "$") depth++;
    else if (char === "}" && --depth === 0) return end + 1;
  }
  return at + 1;
}

/** `value` as the value of a flag: flags lose quotes and escapes when they are read. */
export function encodeFlagValue(value: string, escapeChar: string): string {
  let encoded = "";
  let blank = false;
  for (const char of value) {
    blank ||= isSpace(char.charCodeAt(0));
    encoded += char === '"' || char === "'" || char === escapeChar ? escapeChar + char : char;
  }
  return blank ? `"${encoded}"` : encoded;
}

/** `fields` as one line of comma-separated values. */
export function encodeCsv(fields: readonly string[]): string {
  return fields.map((field) => (/[",\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(",");
}
