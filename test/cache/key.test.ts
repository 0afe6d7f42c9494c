import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { contextId, isKey, type StepKeyParts, shapeKey, stepKey } from "../../src/cache/key.js";
import { canonicalJson, type JsonValue } from "../../src/util/canonical-json.js";

const json = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<JsonValue>;
const parts: fc.Arbitrary<StepKeyParts> = fc.record({
  kind: fc.string({ maxLength: 6 }),
  platform: fc.string({ maxLength: 6 }),
  projection: json,
  parent: fc.option(fc.string({ maxLength: 6 })),
  inputs: fc.array(fc.string({ maxLength: 6 }), { maxLength: 4 }),
});

/** An independent notion of "the same parts": structure, with -0 as 0 as in JSON. */
const spelled = (value: unknown): string => JSON.stringify(sorted(JSON.parse(JSON.stringify(value))));

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return ["array", ...value.map(sorted)];
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return ["object", ...members.map(([name, member]) => [name, sorted(member)])];
}

describe("step keys", () => {
  test("K9: two steps share a key exactly when all their parts are equal", () => {
    fc.assert(
      fc.property(parts, parts, (one, other) => {
        expect(stepKey(one) === stepKey(other)).toBe(spelled(one) === spelled(other));
        expect(stepKey(structuredClone(one))).toBe(stepKey(one));
      }),
    );
  });

  test("K9: changing any one field changes the key", () => {
    fc.assert(
      fc.property(
        parts,
        fc.constantFrom("kind", "platform", "projection", "parent", "inputs"),
        parts,
        (one, field, other) => {
          const changed: StepKeyParts = { ...one, [field]: other[field as keyof StepKeyParts] };
          fc.pre(spelled(changed) !== spelled(one));
          expect(stepKey(changed)).not.toBe(stepKey(one));
          if (field === "parent" || field === "inputs") expect(shapeKey(changed)).toBe(shapeKey(one));
          else expect(shapeKey(changed)).not.toBe(shapeKey(one));
        },
      ),
    );
  });

  test("K9: changing any value anywhere in the projection changes the key", () => {
    const base: StepKeyParts = { kind: "copy", platform: "", projection: null, parent: null, inputs: [] };
    const projection = { a: [1, { b: "x", c: null }], d: true, "": { "": 0 } };
    const variants: JsonValue[] = [
      { ...projection, d: false },
      { ...projection, d: "true" },
      { ...projection, a: [1, { b: "x" }] },
      { ...projection, a: [{ b: "x", c: null }, 1] },
      { ...projection, a: [[1], { b: "x", c: null }] },
      { ...projection, a: [1, { b: "c", x: null }] },
      { ...projection, "": { "": "0" } },
      { ...projection, "": { "": 0, a: [] } },
      { ...projection, "": [["", 0]] },
    ];
    const keys = [projection, ...variants].map((variant) => stepKey({ ...base, projection: variant }));
    expect(new Set(keys).size).toBe(keys.length);
  });

  test("K9: swapping neighbours, or moving a character between them, changes the key", () => {
    const base: StepKeyParts = { kind: "a", platform: "b", projection: "c", parent: "d", inputs: ["e", "f"] };
    const variants: StepKeyParts[] = [
      { ...base, kind: "b", platform: "a" },
      { ...base, platform: "c", projection: "b" },
      { ...base, projection: "d", parent: "c" },
      { ...base, parent: "e", inputs: ["d", "f"] },
      { ...base, inputs: ["f", "e"] },
      { ...base, inputs: ["ef"] },
      { ...base, inputs: ["e", "f", ""] },
      { ...base, inputs: ["", "e", "f"] },
      { ...base, kind: "ab", platform: "" },
      { ...base, kind: "", platform: "ab" },
      { ...base, parent: null, inputs: ["d", "e", "f"] },
      { ...base, parent: "null", inputs: ["e", "f"] },
      { ...base, kind: "a1:b", platform: "" },
      { ...base, kind: "a", platform: '1:b3:"c"' },
    ];
    const keys = [base, ...variants].map(stepKey);
    expect(new Set(keys).size).toBe(keys.length);
  });

  test("a key and a shape key are never the same, and both are safe file names", () => {
    fc.assert(
      fc.property(parts, (one) => {
        expect(stepKey(one)).not.toBe(shapeKey(one));
        expect([stepKey(one), shapeKey(one), contextId(one.kind)].every(isKey)).toBe(true);
      }),
    );
  });

  test("K13: keys stay what they are from version to version", () => {
    const one = { kind: "copy", platform: "linux/amd64", projection: { b: 1, a: "é" }, parent: null, inputs: ["x"] };
    expect(stepKey(one)).toMatchInlineSnapshot(`"f22c6cc8090947da29d35ef21993d6e66d67568f19c27ca9b6c78ae05587c9ca"`);
    expect(shapeKey(one)).toMatchInlineSnapshot(`"81801500acc6b6302075b04b3902482c6fbdfb8259474d8b54c2843b4c6988b1"`);
  });
});

describe("canonical JSON", () => {
  test("is JSON of the same value, whatever the order of members", () => {
    fc.assert(
      fc.property(json, (value) => {
        const text = canonicalJson(value);
        expect(spelled(JSON.parse(text))).toBe(spelled(value));
        expect(canonicalJson(JSON.parse(text) as JsonValue)).toBe(text);
      }),
    );
    expect(canonicalJson({ b: 1, a: [2, "x"], é: null, c: undefined })).toBe('{"a":[2,"x"],"b":1,"é":null}');
  });

  test("C4: members named like those of every object are members", () => {
    const value = JSON.parse('{"__proto__":{"x":1},"constructor":2,"toString":3}') as JsonValue;
    expect(canonicalJson(value)).toBe('{"__proto__":{"x":1},"constructor":2,"toString":3}');
    expect(canonicalJson({})).toBe("{}");
  });

  test("S4: what JSON cannot carry is a typed error", () => {
    const deep = JSON.parse("[".repeat(5000) + "]".repeat(5000)) as JsonValue;
    const bad = [Number.NaN, Number.POSITIVE_INFINITY, [undefined], { a: 1n }, () => 1, Symbol("x"), deep];
    for (const value of bad) {
      expect(() => canonicalJson(value as JsonValue)).toThrowError(
        expect.objectContaining({ code: "DOCUMENT_INVALID" }),
      );
    }
  });
});
