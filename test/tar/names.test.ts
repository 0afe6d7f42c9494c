import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { depthOf, normalizeName } from "../../src/tar/names.js";
import type { ByteString } from "../../src/util/bytes.js";

const normalize = (name: string): string | undefined => normalizeName(name as ByteString);

describe("normalizeName", () => {
  it.each([
    ["a", "a"],
    ["a/b", "a/b"],
    ["a/", "a"],
    ["./a", "a"],
    ["./", ""],
    [".", ""],
    ["", ""],
    ["/", ""],
    ["/etc/passwd", "etc/passwd"],
    ["//a///b//", "a/b"],
    ["a/./b/.", "a/b"],
    ["a/../b", "b"],
    ["a/..", ""],
    ["...", "..."],
    ["..a/b..", "..a/b.."],
    ["a\\..\\b", "a\\..\\b"],
    ["\xff\xfe/\x01\n", "\xff\xfe/\x01\n"],
  ])("turns %j into %j", (name, path) => {
    expect(normalize(name)).toBe(path);
  });

  it.each(["..", "../a", "a/../../b", "/..", "./..", "a/../..", "a\0b"])("U1: refuses %j", (name) => {
    expect(normalize(name)).toBeUndefined();
  });

  it.each([
    ["../a", "a"],
    ["a/../../b", "b"],
    ["/../../c/..", ""],
  ])("U1: clamps %j at the root where it is told to", (name, clamped) => {
    expect(normalizeName(name as ByteString, "clamp")).toBe(clamped);
    expect(normalizeName("a\0b" as ByteString, "clamp")).toBeUndefined();
  });

  it("agrees with resolving the components one by one, whatever the name", () => {
    const component = fc.constantFrom("", ".", "..", "a", "bc", "...", ".x", "x.");
    fc.assert(
      fc.property(fc.array(component, { maxLength: 8 }), (components) => {
        const name = components.join("/");
        expect(normalize(name)).toBe(slowNormalize(name));
      }),
    );
  });
});

describe("depthOf", () => {
  it("counts components", () => {
    expect(["", "a", "a/b", "a/b/c"].map((path) => depthOf(path as ByteString))).toEqual([0, 1, 2, 3]);
  });
});

function slowNormalize(name: string): string | undefined {
  let path: string[] = [];
  for (const component of name.split("/")) {
    if (component === ".." && path.length === 0) return undefined;
    if (component === "..") path = path.slice(0, -1);
    else if (component !== "" && component !== ".") path = [...path, component];
  }
  return path.join("/");
}
