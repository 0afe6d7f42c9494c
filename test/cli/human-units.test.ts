import { expect, test } from "vitest";
import { formatBytes, formatSeconds } from "../../src/cli/human-units.js";

test.each([
  [0, "0B"],
  [999, "999B"],
  [1000, "1.00kB"],
  [999_994, "999.99kB"],
  [999_995, "1.00MB"],
  [40_321_000, "40.32MB"],
  [1_500_000_000, "1.50GB"],
  [2 ** 53, "9.01PB"],
])("%d bytes are %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test("times have one decimal and are never negative", () => {
  expect([0, 49, 51, 1234, 75_000, -5].map(formatSeconds)).toEqual(["0.0s", "0.0s", "0.1s", "1.2s", "75.0s", "0.0s"]);
});
