import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { replacePattern, trimPrefix, trimSuffix } from "../../src/dockerfile/shell-pattern.js";

const pattern = fc.array(fc.constantFrom("a", "b", "*", "?", "\\*", "\\?", "\\\\", "\n", "😀"), { maxLength: 6 });
const text = fc.array(fc.constantFrom("a", "b", "*", "?", "\\", "\n", "😀"), { maxLength: 10 });
const LIMIT = 1_000_000;

/** The pattern as a regular expression: safe here, where both are short. */
function expression(
  parts: readonly string[],
  { lazy, flags }: { readonly lazy: boolean; readonly flags: string },
): RegExp {
  const source = parts.map((part) => {
    if (part === "*") return lazy ? "[^\\n]*?" : "[^\\n]*";
    if (part === "?") return "[^\\n]";
    return part.length > 1 && part.startsWith("\\") ? part : part;
  });
  return new RegExp(source.join(""), `u${flags}`);
}

describe("patterns of ${X#p}, ${X%p} and ${X/p/r}", () => {
  it.each([true, false])("trim the front like a regular expression (longest: %s)", (longest) => {
    fc.assert(
      fc.property(pattern, text, (parts, characters) => {
        const whole = characters.join("");
        const match = expression(parts, { lazy: !longest, flags: "y" }).exec(whole);
        expect(trimPrefix(parts.join(""), whole, longest)).toBe(match === null ? whole : whole.slice(match[0].length));
      }),
      { numRuns: 2000 },
    );
  });

  it.each([true, false])("trim the end like the front of the reversed text (longest: %s)", (longest) => {
    fc.assert(
      fc.property(pattern, text, (parts, characters) => {
        const reversed = [...characters].reverse().join("");
        const trimmed = trimPrefix([...parts].reverse().join(""), reversed, longest);
        expect(trimSuffix(parts.join(""), characters.join(""), longest)).toBe([...trimmed].reverse().join(""));
      }),
      { numRuns: 1000 },
    );
  });

  it("replace the first longest match like a regular expression", () => {
    fc.assert(
      fc.property(pattern, text, (parts, characters) => {
        const whole = characters.join("");
        const expected = whole.replace(expression(parts, { lazy: false, flags: "" }), () => "<>");
        expect(replacePattern(parts.join(""), whole, "<>", { all: false, limit: LIMIT })).toBe(expected);
      }),
      { numRuns: 2000 },
    );
  });

  it("replace every match of a pattern that cannot match nothing", () => {
    const solid = pattern.filter((parts) => parts.some((part) => part !== "*"));
    fc.assert(
      fc.property(solid, text, (parts, characters) => {
        const whole = characters.join("");
        const expected = whole.replace(expression(parts, { lazy: false, flags: "g" }), () => "<>");
        expect(replacePattern(parts.join(""), whole, "<>", { all: true, limit: LIMIT })).toBe(expected);
      }),
      { numRuns: 2000 },
    );
  });

  it("count an empty match only where no match ended, as Go does", () => {
    expect(replacePattern("*", "ab\n", "-", { all: true, limit: LIMIT })).toBe("-\n-");
    expect(replacePattern("", "ab", "-", { all: true, limit: LIMIT })).toBe("-a-b-");
  });

  it("fill Go's templates when all matches are replaced, and only then", () => {
    expect(replacePattern("a", "ab", "[$0${0}$x${y}$$z]", { all: true, limit: LIMIT })).toBe("[aa$z]b");
    expect(replacePattern("a", "ab", "[$0]", { all: false, limit: LIMIT })).toBe("[$0]b");
  });

  it("C3: take no time that grows faster than text × pattern", () => {
    const value = "a".repeat(1000);
    const hostile = [
      ...Array.from({ length: 100 }, (_, count) => `${"*a".repeat(count + 1)}b`),
      ...Array.from({ length: 100 }, (_, count) => `${"?*".repeat(count + 1)}\n`),
    ];
    for (const each of hostile) {
      expect(trimPrefix(each, value, true)).toBe(value);
      expect(trimSuffix(each, value, false)).toBe(value);
      expect(replacePattern(each, value, "x", { all: true, limit: LIMIT })).toBe(value);
    }
  });

  it("C3: refuse what would take too long all the same", () => {
    expect(() => trimPrefix(`${"*a".repeat(10_000)}b`, "a".repeat(100_000), true)).toThrowError(
      /too long for its pattern/,
    );
  });
});
