/** Sizes as Docker takes them: `64m`, `1.5 GiB`, `1024`. */

const POWERS = "kmgtp";

/** Bytes, rounded down; suffixes are powers of 1024 with or without `i`. `undefined` for anything else. */
export function parseSize(text: string): number | undefined {
  let split = text.length;
  while (split > 0 && !"0123456789. ".includes(text[split - 1]!)) split--;
  const suffix = text.slice(split).toLowerCase();
  const digits = text[split - 1] === " " ? text.slice(0, split - 1) : text.slice(0, split);
  if (!/^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(digits)) return undefined;
  const number = Number(digits);
  if (!Number.isFinite(number) || number < 0) return undefined;
  if (suffix === "" || suffix === "b") return Math.trunc(number);
  const power = POWERS.indexOf(suffix[0]!);
  const rest = suffix.slice(1);
  if (power === -1 || (rest !== "" && rest !== "b" && rest !== "ib")) return undefined;
  return Math.trunc(number * 1024 ** (power + 1));
}
