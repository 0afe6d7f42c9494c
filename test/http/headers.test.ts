import { describe, expect, test } from "vitest";
import { proposedFileName } from "../../src/http/content-disposition.js";
import { parseHttpDate } from "../../src/http/http-date.js";

describe("times in headers", () => {
  test.each([
    ["Sun, 06 Nov 1994 08:49:37 GMT", 784111777],
    ["Sunday, 06-Nov-94 08:49:37 GMT", 784111777],
    ["Sun Nov  6 08:49:37 1994", 784111777],
    ["Thu, 01 Jan 1970 00:00:00 GMT", 0],
    ["Wed, 31 Dec 1969 23:59:59 GMT", -1],
    ["Monday, 01-Jan-68 00:00:00 GMT", 3092601600],
    ["Fri, 01 Jan 0099 00:00:00 GMT", -59042995200],
  ])("%s is second %d", (text, seconds) => {
    expect(parseHttpDate(text)).toBe(seconds);
  });

  test.each([
    "",
    "2001-02-03",
    "Sun, 06 Nov 1994 08:49:37",
    "Sun, 06 Nov 1994 08:49:37 +0100",
    "Sun, 31 Feb 1994 08:49:37 GMT",
    "Sun, 06 Xxx 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 24:00:00 GMT",
    "784111777",
  ])("%j is none", (text) => {
    expect(parseHttpDate(text)).toBeUndefined();
  });
});

describe("C13: the name that a server proposes", () => {
  test.each([
    ['attachment; filename="other.txt"', "other.txt"],
    ["attachment; filename=plain.txt", "plain.txt"],
    ["attachment; filename=plain.txt; size=3", "plain.txt"],
    ['attachment; filename="a\\"b"', 'a"b'],
    ["attachment; filename=a.txt; filename*=UTF-8''%C3%A4.txt", "ä.txt"],
    ['attachment; filename="../../etc/passwd"', "passwd"],
    ['attachment; filename="/abs"', "abs"],
    ["attachment; filename*=UTF-8''..%2Fup", "up"],
  ])("%s is %s", (header, name) => {
    expect(proposedFileName(header)).toBe(name);
  });

  test.each([
    undefined,
    "",
    "inline",
    'attachment; filename=""',
    'attachment; filename=".."',
    'attachment; filename="a/.."',
    'attachment; filename="dir/"',
    'attachment; filename="a\u0000b"',
    'attachment; filename="a\nb"',
    "attachment; filename*=UTF-8''%ff",
    `attachment; filename="${"x".repeat(5000)}"`,
  ])("%j is none", (header) => {
    expect(proposedFileName(header)).toBeUndefined();
  });

  test("C3: is found in time that grows with the header only", () => {
    expect(proposedFileName(`attachment; filename="${"\\a".repeat(2000)}`)).toBeUndefined();
    expect(proposedFileName(`;${" ".repeat(4000)}filename`)).toBeUndefined();
  });
});
