/** One input → another: what a hand that slips, or a hostile one, does to a text. */
import type { Random } from "./random.js";
import type { Target } from "./target.js";

const CHARACTERS = [..."\n\r\t \\`$\"'#=<>[]{}(),:;-_/.*?!@%&|^~+0aA", "\0", "\x7f", "\x80", "\xff"];
const WIDE = ["é", "\u2028", "\ufeff", "\ud800", "😀", "\u0085", "\u00a0"];

/** `input` after one to six changes; `other` is a text to take parts from. */
export function mutate(input: string, other: string, target: Target, random: Random): string {
  let text = input;
  for (let left = 1 + random.below(6); left > 0; left--) text = change(text, other, target, random);
  return text.length > target.maxLength ? text.slice(0, target.maxLength) : text;
}

function change(text: string, other: string, target: Target, random: Random): string {
  const at = random.below(text.length + 1);
  const length = random.below(2) === 0 ? 1 + random.below(4) : random.below(text.length - at + 1);
  const insert = (piece: string): string => text.slice(0, at) + piece + text.slice(at);
  switch (random.below(10)) {
    case 0:
      return text.slice(0, at) + text.slice(at + length);
    case 1:
      return insert(text.slice(at, at + length));
    case 2:
    case 3:
      return insert(random.pick(target.dictionary));
    case 4:
      return text.slice(0, at) + random.pick(target.dictionary) + text.slice(at + length);
    case 5:
      return insert(anyCharacter(target, random));
    case 6:
      return text.slice(0, at) + anyCharacter(target, random) + text.slice(at + 1);
    case 7: {
      const from = random.below(other.length + 1);
      return insert(other.slice(from, from + random.below(80)));
    }
    case 8: {
      const from = random.below(text.length + 1);
      return insert(text.slice(from, from + random.below(40)).repeat(1 + random.below(8)));
    }
    default:
      return swapLines(text, random);
  }
}

function anyCharacter(target: Target, random: Random): string {
  if (target.isBinary) return String.fromCharCode(random.below(256));
  return random.below(6) === 0 ? random.pick(WIDE) : random.pick(CHARACTERS);
}

function swapLines(text: string, random: Random): string {
  const lines = text.split("\n");
  const a = random.below(lines.length);
  const b = random.below(lines.length);
  [lines[a], lines[b]] = [lines[b]!, lines[a]!];
  return lines.join("\n");
}
