import { describe, expect, it } from "vitest";
import { parseCsv } from "../../src/dockerfile/csv.js";
import { parseDuration } from "../../src/dockerfile/duration.js";
import { parseSize } from "../../src/dockerfile/size.js";
import { didYouMean, nearestName } from "../../src/util/suggest.js";

describe("parseDuration", () => {
  it.each([
    ["0", 0],
    ["+5s", 5e9],
    ["-1.5h", -5400e9],
    [".5s", 0.5e9],
    ["1.s", 1e9],
    ["1h2m3s4ms5us6ns", 3723004005006],
    ["1µs", 1000],
    ["1μs", 1000],
    ["8760h", 31536e12],
  ])("%s", (text, nanoseconds) => {
    expect(parseDuration(text)).toBe(nanoseconds);
  });

  it.each([
    ["", 'time: invalid duration ""'],
    ["-", 'time: invalid duration "-"'],
    [".s", 'time: invalid duration ".s"'],
    ["5", 'time: missing unit in duration "5"'],
    ["5 s", 'time: unknown unit " s" in duration "5 s"'],
    ["1d", 'time: unknown unit "d" in duration "1d"'],
    ["9999999h", 'time: invalid duration "9999999h"'],
  ])("refuses %j", (text, problem) => {
    expect(parseDuration(text)).toEqual({ problem });
  });
});

describe("parseCsv", () => {
  it.each([
    ["a,b", ["a", "b"]],
    ["a,,", ["a", "", ""]],
    ['"a,b",c', ["a,b", "c"]],
    ['"a""b"', ['a"b']],
    ['a,""', ["a", ""]],
    ["a\r\n", ["a"]],
  ])("%j", (line, fields) => {
    expect(parseCsv(line)).toEqual(fields);
  });

  it.each([
    ["", "EOF"],
    ['a"b', 'parse error on line 1, column 2: bare " in non-quoted field'],
    ['"a', 'parse error on line 1, column 2: extraneous or missing " in quoted-field'],
    ['"a"b', 'parse error on line 1, column 3: extraneous or missing " in quoted-field'],
  ])("refuses %j", (line, problem) => {
    expect(parseCsv(line)).toEqual({ problem });
  });
});

describe("parseSize", () => {
  it.each([
    ["10", 10],
    ["10b", 10],
    ["1.5 KiB", 1536],
    ["64m", 64 * 1024 ** 2],
    ["2GB", 2 * 1024 ** 3],
    ["1tib", 1024 ** 4],
    [".5k", 512],
  ])("%s", (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  it.each(["", "big", "-1", "1x", "1kbb", "1kk", "k", "1  k", "0x10"])("refuses %j", (text) => {
    expect(parseSize(text)).toBeUndefined();
  });
});

describe("nearestName", () => {
  it("finds names within two edits", () => {
    expect(nearestName("ENTRYPONT", ["ENV", "ENTRYPOINT"])).toBe("ENTRYPOINT");
    expect(nearestName("HELLO", ["SHELL", "CMD"])).toBe("SHELL");
    expect(nearestName("WRONG", ["RUN", "FROM"])).toBeUndefined();
    expect(didYouMean("targt", ["type", "target"])).toBe(" (did you mean target?)");
  });

  it("finds nothing when the name is one of them", () => {
    expect(nearestName("a", ["b", "a"])).toBeUndefined();
    expect(didYouMean("a", [])).toBe("");
  });
});
