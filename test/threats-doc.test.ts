import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

/** The rows of docs/threats.md: an id and the test files that it names. */
const ROWS = readFileSync("docs/threats.md", "utf8")
  .split("\n")
  .flatMap((line) => {
    const cells = line.split("|").map((cell) => cell.trim());
    const ids = /^[A-Z]\d+(?:, [A-Z]\d+)*$/.exec(cells[1] ?? "")?.[0].split(", ") ?? [];
    const names = [...(cells.at(-2) ?? "").matchAll(/`([a-z0-9/-]+)`/g)].map((match) => match[1]!);
    return ids.map((id) => [id, names] as const);
  });

const DUE = [
  "U1 U2 U3 U4 U5 U6 U7 U8 U9 U10 U13",
  "D1 D2 D3 D4 D5 D6 D7",
  "R1 R2 R3 R4 R5 R6 R7 R8 R9 R10 R11 R12 R13 R14 R15",
  "L1 L3 L4 L7",
  "C4 C6 C7 C8 C9 C10",
  "K1 K9 K11 K12",
  "X1 X2 X3 X4 X5",
].flatMap((line) => line.split(" "));

describe("docs/threats.md", () => {
  it("has a row for every id that is due", () => {
    expect(ROWS.map(([id]) => id)).toEqual(expect.arrayContaining(DUE));
  });

  it.each(ROWS)("names tests of %s that are there, and some carry the id", (id, names) => {
    const paths = names.map((name) =>
      [`test/${name}.test.ts`, `test/${name}.ts`, `src/${name}.ts`].find((path) => existsSync(path)),
    );
    expect(names.filter((_, at) => paths[at] === undefined)).toEqual([]);
    const texts = paths.map((path) => readFileSync(path!, "utf8"));
    expect(texts.some((text) => new RegExp(`\\b${id}\\b`).test(text))).toBe(true);
  });
});
