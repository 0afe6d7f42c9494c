/**
 * Values in the spelling of Go's `fmt`: quoted strings, quoted runes and durations.
 *
 * The history lines and the messages that BuildKit made known are written with these verbs, and tools match on them.
 */

const SIMPLE_ESCAPES: ReadonlyMap<string, string> = new Map([
  ["\x07", "\\a"],
  ["\b", "\\b"],
  ["\f", "\\f"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
  ["\v", "\\v"],
  ["\\", "\\\\"],
]);

const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;
const PLAIN = /^[ !#-[\]-~]*$/;
const LONE_SURROGATE = /^[\ud800-\udfff]$/;

/** `text` as `%q` writes it: in double quotes, with Go's escapes for what is not printable. */
export function goQuote(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  let quoted = '"';
  for (const character of text) quoted += character === '"' ? '\\"' : escaped(character);
  return `${quoted}"`;
}

/** `values` as `%q` writes a slice: `["a" "b"]`. */
export function goQuoteAll(values: readonly string[]): string {
  return `[${values.map(goQuote).join(" ")}]`;
}

/** The integer `codePoint` as `%q` writes it: a rune in single quotes. */
export function goQuoteRune(codePoint: number): string {
  const valid = codePoint >= 0 && codePoint <= 0x10ffff && !(codePoint >= 0xd800 && codePoint <= 0xdfff);
  const character = String.fromCodePoint(valid ? codePoint : 0xfffd);
  return character === "'" ? "'\\''" : `'${escaped(character)}'`;
}

function escaped(character: string): string {
  const simple = SIMPLE_ESCAPES.get(character);
  if (simple !== undefined) return simple;
  if (LONE_SURROGATE.test(character)) return "\ufffd";
  if (PRINTABLE.test(character)) return character;
  const code = character.codePointAt(0)!;
  if (code < 0x80) return `\\x${hex(code, 2)}`;
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
}

function hex(code: number, width: number): string {
  return code.toString(16).padStart(width, "0");
}

const SECOND = 1_000_000_000n;

/** `nanoseconds` (an integer) as Go prints a duration: `0s`, `1.5s`, `1h0m0s`, `300ms`. */
export function goDuration(nanoseconds: number): string {
  const total = BigInt(nanoseconds);
  if (total === 0n) return "0s";
  const sign = total < 0n ? "-" : "";
  const positive = total < 0n ? -total : total;
  if (positive < 1_000n) return `${sign}${positive}ns`;
  if (positive < 1_000_000n) return `${sign}${decimal(positive, 1_000n)}µs`;
  if (positive < SECOND) return `${sign}${decimal(positive, 1_000_000n)}ms`;
  const minutes = positive / (60n * SECOND);
  const seconds = `${decimal(positive % (60n * SECOND), SECOND)}s`;
  if (minutes === 0n) return sign + seconds;
  const hours = minutes / 60n;
  return hours === 0n ? `${sign}${minutes}m${seconds}` : `${sign}${hours}h${minutes % 60n}m${seconds}`;
}

function decimal(value: bigint, unit: bigint): string {
  const rest = value % unit;
  if (rest === 0n) return String(value / unit);
  const digits = String(rest)
    .padStart(String(unit).length - 1, "0")
    .replace(/0+$/, "");
  return `${value / unit}.${digits}`;
}
