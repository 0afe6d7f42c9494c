import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isOcibuildError } from "../../src/errors.js";
import { decodeStrictJson, formatJsonPath, isJsonObject } from "../../src/util/strict-json.js";

const decode = (text: string | Buffer, limits: { maxBytes?: number; maxDepth?: number } = {}): unknown =>
  decodeStrictJson(Buffer.from(text as string), { document: "test.json", ...limits });

function errorOf(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe("D4: the strict JSON decoder", () => {
  it("decodes what JSON.stringify wrote, to the same value", () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        const text = JSON.stringify(value);
        fc.pre(!/\\ud[89a-f]/i.test(text) && !/e\+?(1[6-9]|[2-9]\d|\d{3})/i.test(text) && !/\d{16,}/.test(text));
        expect(JSON.stringify(decode(text))).toBe(text);
      }),
    );
  });

  it("throws nothing but DOCUMENT_INVALID, and accepts nothing that JSON.parse refuses", () => {
    const piece = fc.constantFrom(
      ...'{}[]:,"\\ \n\t01-.eE+tfnu/',
      "true",
      "null",
      '"a"',
      '"a":',
      "\\u0041",
      "\\ud800",
      "\u00e9",
      "\0",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join("");
        const error = errorOf(() => decode(text));
        if (error === undefined) expect(() => JSON.parse(text)).not.toThrow();
        else expect(isOcibuildError(error, "DOCUMENT_INVALID")).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });

  it.each([
    ["an empty text", ""],
    ["white space only", " \n"],
    ["a byte order mark", "\ufeff{}"],
    ["something after the end", "{} {}"],
    ["a comment", "{} // x"],
    ["a trailing comma in an object", '{"a":1,}'],
    ["a trailing comma in an array", "[1,]"],
    ["single quotes", "{'a':1}"],
    ["a bare key", "{a:1}"],
    ["NaN", "[NaN]"],
    ["Infinity", "[Infinity]"],
    ["a hexadecimal number", "[0x10]"],
    ["a leading zero", "[01]"],
    ["a leading plus", "[+1]"],
    ["a bare fraction", "[.5]"],
    ["a fraction without digits", "[1.]"],
    ["an integer over 2^53", "[9007199254740993]"],
    ["an integer under -2^53", "[-9007199254740993]"],
    ["an integer in exponent form over 2^53", "[1e300]"],
    ["an overflowing number", "[1e999]"],
    ["a duplicate key", '{"a":1,"a":2}'],
    ["a duplicate key in another spelling", '{"a":1,"\\u0061":2}'],
    ["a duplicate __proto__", '{"__proto__":1,"__proto__":2}'],
    ["a lone high surrogate", '"\\ud800"'],
    ["a lone low surrogate", '"\\udc00"'],
    ["surrogates in the wrong order", '"\\udc00\\ud800"'],
    ["a lone surrogate in a key", '{"\\ud800":1}'],
    ["a control character in a string", '"a\u0001b"'],
    ["a newline in a string", '"a\nb"'],
    ["an unknown escape", '"\\x41"'],
    ["a short escape", '"\\u00"'],
    ["an unfinished string", '"abc'],
    ["an unfinished object", '{"a":'],
    ["a no-break space", "\u00a0{}"],
    ["other case of a word", "True"],
  ])("refuses %s", (_, text) => {
    expect(
      isOcibuildError(
        errorOf(() => decode(text)),
        "DOCUMENT_INVALID",
      ),
    ).toBe(true);
  });

  it("refuses bytes that are not UTF-8", () => {
    expect(errorOf(() => decode(Buffer.from([0x22, 0xff, 0x22])))).toMatchObject({ code: "DOCUMENT_INVALID" });
    // A surrogate encoded as if it were a character.
    expect(errorOf(() => decode(Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])))).toMatchObject({
      code: "DOCUMENT_INVALID",
    });
  });

  it("takes depth as an attack long before the stack ends", () => {
    const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
    expect(decode(nested(64))).toBeDefined();
    expect(errorOf(() => decode(nested(65)))).toMatchObject({ message: expect.stringContaining("64 levels") });
    expect(errorOf(() => decode("[".repeat(1_000_000)))).toMatchObject({ code: "DOCUMENT_INVALID" });
    expect(errorOf(() => decode('{"a":'.repeat(1_000_000)))).toMatchObject({ code: "DOCUMENT_INVALID" });
  });

  it("looks at the size before anything else", () => {
    const error = errorOf(() => decode(Buffer.alloc(4 * 1024 * 1024 + 1, "x")));
    expect(error).toMatchObject({ message: expect.stringContaining("at most 4194304 bytes but got 4194305") });
    expect(decode("[1]", { maxBytes: 3 })).toEqual([1]);
  });

  it("C4: keeps __proto__, constructor and toString as plain keys", () => {
    const value = decode('{"__proto__":{"polluted":true},"constructor":1,"toString":2}');
    expect(Object.getPrototypeOf(value)).toBeNull();
    expect(Object.keys(value as object)).toEqual(["__proto__", "constructor", "toString"]);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it("says where it stopped", () => {
    expect(errorOf(() => decode('{"layers":[{"size":1},{"size":1e999}]}'))).toMatchObject({
      message: "test.json is not valid JSON: the number is too large at offset 30 (layers[1].size)",
    });
  });

  it("tells objects from arrays and null", () => {
    expect([isJsonObject({}), isJsonObject([]), isJsonObject(null), isJsonObject(undefined)]).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });

  it("formats paths as they would be written, and shortens absurd ones", () => {
    expect(formatJsonPath(["config", "Labels", "a.b", 0])).toBe('config.Labels["a.b"][0]');
    expect(formatJsonPath(Array.from({ length: 500 }, () => "k")).length).toBeLessThan(210);
  });
});
