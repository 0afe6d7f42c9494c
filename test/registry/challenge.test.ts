import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseChallenges } from "../../src/registry/challenge.js";

function plain(...headers: string[]): [string, Record<string, string>][] {
  return parseChallenges(headers).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);
}

describe("parseChallenges", () => {
  test("reads the usual bearer challenge", () => {
    expect(
      plain(
        'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"',
      ),
    ).toEqual([
      [
        "bearer",
        { realm: "https://auth.docker.io/token", service: "registry.docker.io", scope: "repository:a/b:pull,push" },
      ],
    ]);
  });

  test("reads several challenges in one header and in many", () => {
    const expected = [
      ["bearer", { realm: "x", service: "y" }],
      ["basic", { realm: "a, b" }],
      ["negotiate", {}],
    ];
    expect(plain('Bearer realm="x", service=y, Basic realm="a, b", Negotiate')).toEqual(expected);
    expect(plain('Bearer realm="x",service="y"', 'Basic realm="a, b"', "Negotiate")).toEqual(expected);
  });

  test("takes token68, empty elements, spaces around equals signs, escapes and any case", () => {
    expect(plain('NTLM abc+/==, , BASIC Realm = "say \\"hi\\\\\\"" ,charset=UTF-8')).toEqual([
      ["ntlm", {}],
      ["basic", { realm: 'say "hi\\"', charset: "UTF-8" }],
    ]);
  });

  test("keeps what came before something that cannot be read", () => {
    expect(plain('Basic realm="a", Bearer realm="open')).toEqual([
      ["basic", { realm: "a" }],
      ["bearer", {}],
    ]);
    expect(plain("", "   ", ",,", "=")).toEqual([]);
  });

  test("C4: parameters named like properties of objects are parameters", () => {
    const [challenge] = parseChallenges(['Basic __proto__="x", constructor="y"']);
    expect([...challenge!.parameters]).toEqual([
      ["__proto__", "x"],
      ["constructor", "y"],
    ]);
  });

  test("throws for no text and takes linear time", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'aB=", \\\t;/~'.split("")) }), (text) => {
        expect(Array.isArray(parseChallenges([text]))).toBe(true);
      }),
    );
    expect(parseChallenges(["a=".repeat(1_000_000), `Basic ${"a ".repeat(1_000_000)}`]).length).toBeGreaterThan(0);
  });

  test("reads back what it would be written as", () => {
    const value = fc.string({ unit: fc.constantFrom(...'abc ,="\\:/'.split("")), maxLength: 10 });
    const name = fc.constantFrom("realm", "service", "scope", "error");
    const challenge = fc.tuple(
      fc.constantFrom("basic", "bearer"),
      fc.dictionary(name, value, { minKeys: 1, noNullPrototype: true }),
    );
    fc.assert(
      fc.property(fc.array(challenge), (challenges) => {
        const quoted = (text: string): string => `"${text.replace(/["\\]/g, "\\$&")}"`;
        const header = challenges
          .map(
            ([scheme, fields]) =>
              `${scheme} ${Object.entries(fields)
                .map(([key, text]) => `${key}=${quoted(text)}`)
                .join(", ")}`,
          )
          .join(", ");
        expect(plain(header)).toEqual(challenges);
      }),
    );
  });
});
