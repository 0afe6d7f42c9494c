/** `docs/errors.md` and the catalogue in `src/errors.ts` hold each other to account. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const source = readFileSync("src/errors.ts", "utf8");
const document = readFileSync("docs/errors.md", "utf8");

/** Members of `ErrorDetails`: indented by two, followed by a colon. */
function codes(): string[] {
  const start = source.indexOf("interface ErrorDetails {");
  const body = source.slice(start, source.indexOf("\n}", start));
  return [...body.matchAll(/^ {2}([A-Z][A-Z0-9_]+)\??:/gm)].map((match) => match[1]!);
}

function documented(): string[] {
  return [...document.matchAll(/^### (.+)$/gm)].map((match) => match[1]!);
}

test("the catalogue is found and has no code twice", () => {
  expect(codes().length).toBeGreaterThan(40);
  expect(new Set(codes()).size).toBe(codes().length);
});

test("every error code is in docs/errors.md, and no other", () => {
  expect([...documented()].sort()).toEqual([...codes()].sort());
});

test("every code has a text that says when it comes and what to do", () => {
  for (const section of document.split(/^### /m).slice(1)) {
    const [code, ...text] = section.split("\n");
    const words = text.join(" ").split(/^## /m)[0]!.trim().split(/\s+/);
    expect([code, words.length >= 10]).toEqual([code, true]);
  }
});

test("every code is raised somewhere", () => {
  const texts = readdirSync("src", { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts") && entry.name !== "errors.ts")
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"))
    .join("\n");
  expect(codes().filter((code) => !texts.includes(`"${code}"`))).toEqual([]);
});
