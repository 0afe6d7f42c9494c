import { describe, expect, test } from "vitest";
import { goTime, humanDuration, humanSince, humanSize, shortId } from "../../../src/cli/format/human.js";
import { formatList } from "../../../src/cli/format/print-list.js";

const SHAPE = { headers: { ID: "IMAGE ID", Name: "NAME", Size: "SIZE" }, columns: "{{.Name}}\t{{.ID}}\t{{.Size}}" };
const ROWS = [
  { ID: "0123456789ab", Name: "short", Size: "1kB" },
  { ID: "ba9876543210", Name: "a-longer-name", Size: "2MB" },
];

describe("a list", () => {
  test("is a table with docker's widths, and has its head also when it is empty", () => {
    expect(formatList(SHAPE, ROWS, undefined)).toBe(
      "NAME            IMAGE ID       SIZE\nshort           0123456789ab   1kB\na-longer-name   ba9876543210   2MB\n",
    );
    expect(formatList(SHAPE, [], undefined)).toBe("NAME      IMAGE ID   SIZE\n");
  });

  test("is a table of what a template says, lines of it, or JSON", () => {
    expect(formatList(SHAPE, ROWS, "table {{.ID}}\\t{{.Size}}")).toBe(
      "IMAGE ID       SIZE\n0123456789ab   1kB\nba9876543210   2MB\n",
    );
    expect(formatList(SHAPE, ROWS, "{{.Name}}: {{.Size}}")).toBe("short: 1kB\na-longer-name: 2MB\n");
    expect(formatList(SHAPE, ROWS.slice(0, 1), "json")).toBe('{"ID":"0123456789ab","Name":"short","Size":"1kB"}\n');
    expect(() => formatList(SHAPE, [], "{{.Repo}}")).toThrow('field ".Repo" is not known; there are .ID .Name .Size');
  });

  test("L6: of what others have written has no control characters and no lines of their own", () => {
    const rows = [{ ID: "1", Name: "a\x1b[2Jb\nERROR: c\x07", Size: "\u202e1" }];
    for (const format of [undefined, "{{.Name}} {{.Size}}", "json"]) {
      const text = formatList(SHAPE, rows, format);
      if (format === "json") expect(JSON.parse(text)).toEqual(rows[0]);
      else expect(text).toContain("ab ERROR: c");
      expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f\u202e]/);
    }
  });
});

describe("sizes and times are docker's", () => {
  test.each([
    [0, "0B"],
    [999, "999B"],
    [1000, "1kB"],
    [1234, "1.23kB"],
    [72_800_000, "72.8MB"],
    [999_600, "1MB"],
    [123_456_789_000, "123GB"],
  ])("%d bytes are %s", (bytes, text) => expect(humanSize(bytes)).toBe(text));

  test.each([
    [0.4, "Less than a second"],
    [1, "1 second"],
    [59, "59 seconds"],
    [60, "About a minute"],
    [150, "2 minutes"],
    [3600, "About an hour"],
    [47 * 3600, "47 hours"],
    [3 * 86_400, "3 days"],
    [20 * 86_400, "2 weeks"],
    [100 * 86_400, "3 months"],
    [800 * 86_400, "2 years"],
  ])("%d seconds are %s", (seconds, text) => expect(humanDuration(seconds)).toBe(text));

  test("a time that is not said is N/A, one to come is now", () => {
    expect(humanSince(undefined, 0)).toBe("N/A");
    expect(humanSince(100, 0)).toBe("Less than a second ago");
    expect(goTime(1_700_000_000)).toBe("2023-11-14 22:13:20 +0000 UTC");
    expect(shortId("sha256:0123456789abcdef")).toBe("0123456789ab");
  });
});
