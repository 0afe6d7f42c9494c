import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { editJson } from "../../src/registry/edit-json.js";

describe("editJson", () => {
  const table: readonly [string, string, readonly [string, ...string[]], unknown, string][] = [
    ["adds to an empty object", "{}", ["a"], 1, '{\n\t"a": 1\n}'],
    ["makes objects on the way", "{}\n", ["a", "b"], {}, '{\n\t"a": {\n\t\t"b": {}\n\t}\n}\n'],
    ["replaces a value", '{"a":1, "b":2}', ["a"], "x", '{"a":"x", "b":2}'],
    [
      "keeps the indentation",
      '{\n    "a": {\n        "b": 1\n    }\n}',
      ["a", "c"],
      2,
      '{\n    "a": {\n        "b": 1,\n        "c": 2\n    }\n}',
    ],
    ["removes the first", '{"a": 1, "b": 2}', ["a"], undefined, '{"b": 2}'],
    ["removes the last", '{"a": 1, "b": 2}', ["b"], undefined, '{"a": 1}'],
    ["removes the only one", '{"a": {"b": 2}}', ["a", "b"], undefined, '{"a": {}}'],
    ["removes all of a name", '{"a": 1, "b": 2, "a": 3}', ["a"], undefined, '{"b": 2}'],
    ["changes the last of a name", '{"a": 1, "a": 3}', ["a"], 4, '{"a": 1, "a": 4}'],
    ["removes what is not there", '{"b": 1}', ["a", "c"], undefined, '{"b": 1}'],
    ["takes null for nothing", '{"auths": null}', ["auths", "x"], {}, '{"auths": {"x":{}}}'],
    [
      "keeps numbers that JavaScript cannot hold",
      '{"n": 123456789012345678901234567890, "a": 1}',
      ["a"],
      2,
      '{"n": 123456789012345678901234567890, "a": 2}',
    ],
    ["is not confused by braces in strings", '{"x": "}\\"{", "a": [{"a": "]"}]}', ["a"], 1, '{"x": "}\\"{", "a": 1}'],
    ["knows escaped keys", '{"\\u0061": 1}', ["a"], 2, '{"\\u0061": 2}'],
  ];
  test.each(table)("%s", (_name, text, path, value, expected) => {
    expect(editJson(text, path, value)).toBe(expected);
  });

  test("C4: __proto__ is a name", () => {
    const text = editJson("{}", ["auths", "__proto__"], { auth: "x" });
    expect(text).toContain('"__proto__": {');
    expect(editJson(text, ["auths", "__proto__"], undefined)).toBe('{\n\t"auths": {}\n}');
  });

  test("changes exactly the member, whatever else is there", () => {
    const key = fc.constantFrom("a", "b", "c d", 'q"uote', "é", "");
    const object = fc.dictionary(key, fc.oneof(fc.jsonValue(), fc.dictionary(key, fc.jsonValue())));
    fc.assert(
      fc.property(
        object,
        key,
        fc.option(fc.jsonValue(), { nil: undefined }),
        fc.constantFrom(undefined, 2, "\t"),
        (before, name, value, indent) => {
          const text = JSON.stringify(before, undefined, indent);
          const wanted: Record<string, unknown> = { ...before };
          if (value === undefined) delete wanted[name];
          else wanted[name] = value;
          const after = editJson(text, [name], value);
          expect(JSON.parse(after)).toEqual(JSON.parse(JSON.stringify(wanted)));
          if (value === undefined) expect(editJson(after, [name], undefined)).toBe(after);
        },
      ),
    );
  });
});
