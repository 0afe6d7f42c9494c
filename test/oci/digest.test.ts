import { describe, expect, it } from "vitest";
import { digestOf, hexOf, isDigest, parseDiffId, parseDigest } from "../../src/oci/digest.js";
import { parseReference } from "../../src/oci/reference.js";

const HEX = "0123456789abcdef".repeat(4);

const WRONG = [
  ["a path", "sha256:../../x"],
  ["a path of the right length", `sha256:${"../".repeat(21)}x`],
  ["upper case", `sha256:${HEX.toUpperCase()}`],
  ["one digit too few", `sha256:${HEX.slice(1)}`],
  ["one digit too many", `sha256:${HEX}0`],
  ["no digit", `sha256:${HEX.slice(1)}g`],
  ["another algorithm", `sha1:${"0".repeat(40)}`],
  ["a registered algorithm that we do not use for blobs", `sha512:${"0".repeat(128)}`],
  ["an algorithm in upper case", `SHA256:${HEX}`],
  ["NUL", `sha256:${HEX.slice(1)}\0`],
  ["a newline behind it", `sha256:${HEX}\n`],
  ["a query", `sha256:${HEX}?x`],
  ["10 KB", `sha256:${"0".repeat(10_240)}`],
  ["percent-encoding", "sha256:%2e%2e%2f"],
  ["digits alone", HEX],
  ["nothing", ""],
] as const;

describe("D2: a digest is an algorithm and lower-case hex, because it becomes a path and a URL", () => {
  it.each(WRONG)("refuses %s", (_, text) => {
    expect(isDigest(text)).toBe(false);
    for (const parse of [parseDigest, parseDiffId]) {
      expect(() => parse(text)).toThrow(expect.objectContaining({ code: "DIGEST_INVALID" }));
    }
  });

  it.each(WRONG.filter(([, text]) => !text.startsWith("sha512")))("refuses %s in a reference", (_, text) => {
    expect(() => parseReference(`registry.example/app@${text}`)).toThrow(
      expect.objectContaining({ code: "REFERENCE_INVALID" }),
    );
  });

  it("takes what it made itself, and gives a file name", () => {
    const digest = digestOf("content");
    expect(parseDigest(digest)).toBe(digest);
    expect(hexOf(digest)).toMatch(/^[0-9a-f]{64}$/);
  });

  it("shows no more than the start of what it refuses", () => {
    expect(() => parseDigest("x".repeat(10_240))).toThrow(/^.{1,200}$/s);
  });
});
