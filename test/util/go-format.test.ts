import { expect, it } from "vitest";
import { goDuration, goQuote, goQuoteAll, goQuoteRune } from "../../src/util/go-format.js";

it.each([
  ["plain text!", '"plain text!"'],
  ['say "hi"', '"say \\"hi\\""'],
  ["a\\b", '"a\\\\b"'],
  ["\x07\b\f\n\r\t\v", '"\\a\\b\\f\\n\\r\\t\\v"'],
  ["\0\x1b\x7f", '"\\x00\\x1b\\x7f"'],
  ["grüße 😀", '"grüße 😀"'],
  ["\u00a0\u200b\ufeff", '"\\u00a0\\u200b\\ufeff"'],
  ["\u{e0001}", '"\\U000e0001"'],
])("quotes %j as %%q does", (text, quoted) => {
  expect(goQuote(text)).toBe(quoted);
});

it("quotes a list as %q does", () => {
  expect(goQuoteAll(["a", "b c"])).toBe('["a" "b c"]');
  expect(goQuoteAll([])).toBe("[]");
});

it.each([
  [0, "'\\x00'"],
  [3, "'\\x03'"],
  [10, "'\\n'"],
  [39, "'\\''"],
  [34, "'\"'"],
  [92, "'\\\\'"],
  [100, "'d'"],
  [0x110000, "'\ufffd'"],
])("quotes the rune %i as %%q does", (code, quoted) => {
  expect(goQuoteRune(code)).toBe(quoted);
});

it.each([
  [0, "0s"],
  [1, "1ns"],
  [1_100, "1.1µs"],
  [300_000_000, "300ms"],
  [1_500_000_000, "1.5s"],
  [60_000_000_000, "1m0s"],
  [3_600_000_000_000, "1h0m0s"],
  [5_430_250_000_000, "1h30m30.25s"],
  [-30_000_000_000, "-30s"],
])("prints %i ns as Go does", (nanoseconds, text) => {
  expect(goDuration(nanoseconds)).toBe(text);
});
