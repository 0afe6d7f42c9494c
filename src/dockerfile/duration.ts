/** Durations in Go's notation (`1h30m`, `1.5s`, `100ms`), as HEALTHCHECK takes them. */
import { goQuote } from "../util/go-format.js";

const NANOSECONDS: ReadonlyMap<string, number> = new Map([
  ["ns", 1],
  ["us", 1e3],
  ["\u00b5s", 1e3],
  ["\u03bcs", 1e3],
  ["ms", 1e6],
  ["s", 1e9],
  ["m", 60e9],
  ["h", 3600e9],
]);

const MAX = 2n ** 63n;

/** Nanoseconds of `text`, or `{ problem }` in Go's words. Beyond 2^53 the nearest number. */
export function parseDuration(text: string): number | { readonly problem: string } {
  const invalid = { problem: `time: invalid duration ${goQuote(text)}` };
  const negative = text[0] === "-";
  let at = negative || text[0] === "+" ? 1 : 0;
  if (text.slice(at) === "0") return 0;
  if (at === text.length) return invalid;
  let total = 0n;
  while (at < text.length) {
    const number = /([0-9]*)(?:(\.)([0-9]*))?/y;
    number.lastIndex = at;
    const match = number.exec(text)!;
    const whole = match[1]!;
    const fraction = match[3] ?? "";
    if (whole === "" && fraction === "") return invalid;
    // More digits than this overflow anyway, and BigInt of long digit strings is not linear.
    if (whole.replace(/^0+/, "").length > 19) return invalid;
    at += match[0].length;
    const unitStart = at;
    while (at < text.length && text[at] !== "." && (text[at]! < "0" || text[at]! > "9")) at++;
    const unit = text.slice(unitStart, at);
    if (unit === "") return { problem: `time: missing unit in duration ${goQuote(text)}` };
    const scale = NANOSECONDS.get(unit);
    if (scale === undefined) return { problem: `time: unknown unit ${goQuote(unit)} in duration ${goQuote(text)}` };
    total += BigInt(whole || "0") * BigInt(scale);
    if (fraction !== "") total += BigInt(Math.trunc(Number(`0.${fraction}`) * scale));
    if (total > MAX) return invalid;
  }
  if (total === MAX && !negative) return invalid;
  return negative ? -Number(total) : Number(total);
}
