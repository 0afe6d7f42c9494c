import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SecretMask, secretLines } from "../../../src/layers/run/secret-mask.js";

function masked(secrets: readonly string[], pieces: readonly string[]): string {
  const mask = new SecretMask(secrets.map((secret) => Buffer.from(secret)));
  const parts = pieces.map((piece) => mask.push(Buffer.from(piece)).toString());
  return [...parts, mask.end().toString()].join("");
}

describe("L1: secrets are taken out of what is written down", () => {
  test("wherever they stand, and in whatever pieces they come", () => {
    expect(masked(["hunter2"], ["password: hunter2\n", "and hunter2hunter2"])).toBe("password: ***\nand ******");
    expect(masked(["hunter2"], [..."x hunter2 y hunter1"])).toBe("x *** y hunter1");
    expect(masked(["aXa"], ["aX", "a", "Xa"])).toBe("***Xa");
  });

  test("also where one begins with another", () => {
    expect(masked(["abcd", "abcdefgh"], ["abcdef", "gh abcde", "f"])).toBe("*** ***ef");
  });

  test("line by line, without lines that would be found in everything", () => {
    const key = "-----BEGIN KEY-----\r\n  c2VjcmV0\n}\n\n";
    expect(secretLines(Buffer.from(key)).map(String)).toEqual(["-----BEGIN KEY-----", "c2VjcmV0"]);
  });

  test("and nothing but the end that may be one is held back", () => {
    const mask = new SecretMask([Buffer.from("hunter2")]);
    expect(mask.push(Buffer.from("it is hunt")).toString()).toBe("it is ");
    expect(mask.push(Buffer.from("ing\n")).toString()).toBe("hunting\n");
    expect(mask.end().toString()).toBe("");
  });

  test("the pieces decide nothing", () => {
    const words = fc.array(fc.constantFrom("ab", "ba", "aba", "abab", "x"), { maxLength: 30 });
    const secrets = fc.constantFrom(["abab"], ["abab", "babab"], ["baba", "ab ab", "xabx"]);
    fc.assert(
      fc.property(secrets, words, (chosen, pieces) => {
        const whole = masked(chosen, [pieces.join("")]);
        expect(masked(chosen, pieces)).toBe(whole);
        for (const secret of chosen) expect(whole).not.toContain(secret);
      }),
    );
  });
});
