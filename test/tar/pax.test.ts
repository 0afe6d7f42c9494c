import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatPaxRecord, formatPaxTime, parsePaxNumber, parsePaxRecords, parsePaxTime } from "../../src/tar/pax.js";

const parse = (text: string): ReturnType<typeof parsePaxRecords> => parsePaxRecords(Buffer.from(text, "latin1"));

describe("PAX records", () => {
  it("count themselves in their length, also where it gets another digit", () => {
    for (let length = 1; length < 1200; length++) {
      const record = formatPaxRecord("k", "v".repeat(length));
      expect(Number.parseInt(record, 10)).toBe(record.length);
    }
  });

  it("come back as they were, whatever bytes the values have", () => {
    const key = fc.stringMatching(/^[a-zA-Z.]{1,20}$/);
    const value = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array).toString("latin1"));
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(key, value), { selector: ([name]) => name }), (pairs) => {
        const text = pairs.map(([name, content]) => formatPaxRecord(name, content)).join("");
        expect(parse(text)).toEqual(new Map(pairs));
      }),
    );
  });

  it("hold a key once: the last record wins", () => {
    expect(parse("6 a=1\n6 a=2\n")).toEqual(new Map([["a", "2"]]));
  });

  it("C4: may be named like parts of every object", () => {
    expect(parse(formatPaxRecord("__proto__", "x"))).toEqual(new Map([["__proto__", "x"]]));
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
  });

  it.each([
    "x",
    " a=1\n",
    "6 a=1",
    "7 a=1\n",
    "5 a=1\n",
    "6 =12\n",
    "6 a12\n",
    "0 a=1\n",
    "-6 a=1\n",
    "999999999 a=1\n",
  ])("U9: are refused when malformed (%j)", (text) => {
    expect(typeof parse(text)).toBe("string");
  });
});

describe("PAX times", () => {
  it.each([
    [0, 0, "0"],
    [1, 500_000_000, "1.5"],
    [-1, 0, "-1"],
    [-1, 500_000_000, "-0.5"],
    [-2, 750_000_000, "-1.25"],
    [2 ** 40, 1, "1099511627776.000000001"],
  ])("write %d s and %d ns as %s, and read it again", (seconds, nanos, text) => {
    expect(formatPaxTime(seconds, nanos)).toBe(text);
    expect(parsePaxTime(text)).toEqual({ seconds, nanos });
  });

  it("U13: come back for every second and nanosecond", () => {
    const seconds = fc.integer({ min: -(2 ** 40), max: 2 ** 40 });
    fc.assert(
      fc.property(seconds, fc.integer({ min: 0, max: 999_999_999 }), (whole, nanos) => {
        expect(parsePaxTime(formatPaxTime(whole, nanos))).toEqual({ seconds: whole, nanos });
      }),
    );
  });

  it("cut digits beyond the ninth", () => {
    expect(parsePaxTime("1.0000000019")).toEqual({ seconds: 1, nanos: 1 });
    expect(parsePaxTime("-0.0")).toEqual({ seconds: 0, nanos: 0 });
  });

  it.each(["", "-", ".5", "1e3", "1,5", " 1", "99999999999999999999"])(
    "are refused when they are none (%j)",
    (text) => {
      expect(parsePaxTime(text)).toBeUndefined();
    },
  );
});

describe("PAX numbers", () => {
  it("are whole, not negative and exact", () => {
    expect(parsePaxNumber("0")).toBe(0);
    expect(parsePaxNumber(String(Number.MAX_SAFE_INTEGER))).toBe(Number.MAX_SAFE_INTEGER);
    for (const text of ["", "-1", "+1", "1.0", " 1", "0x1", "9007199254740992", "9".repeat(40)]) {
      expect(parsePaxNumber(text)).toBeUndefined();
    }
  });
});
