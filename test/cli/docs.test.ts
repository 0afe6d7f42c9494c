import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { COMMANDS } from "../../src/cli/commands.js";
import { ALL_OPTIONS, HONOURED_OPTIONS } from "../../src/cli/options/catalogue.js";

const text = readFileSync(new URL("../../docs/cli.md", import.meta.url), "utf8");

test("docs/cli.md names every option, and no other", () => {
  const refused = text.indexOf("## What is refused");
  for (const { name, short } of HONOURED_OPTIONS) {
    const words = short === undefined ? `| \`--${name}` : `| \`-${short}\`, \`--${name}`;
    expect(text.slice(0, refused)).toContain(words);
  }
  const named = [...text.matchAll(/`(?:-\w`\/`)?--([a-z-]+)/g)].map((match) => match[1]);
  expect([...new Set(named)].sort()).toEqual(ALL_OPTIONS.map(({ name }) => name).sort());
});

test("docs/cli.md names every command", () => {
  for (const { name } of COMMANDS) expect(text).toContain(`[\`${name}\`](commands/${name}.md)`);
});

test.each(COMMANDS.map((entry) => [entry.name, entry] as const))(
  "docs/commands/%s.md names every option, and no other",
  async (name, entry) => {
    const page = readFileSync(new URL(`../../docs/commands/${name}.md`, import.meta.url), "utf8");
    const { options } = await entry.load();
    const written = options.filter((option) => option.name !== "help");
    for (const { name: long, short } of written) {
      expect(page).toContain(short === undefined ? `\`--${long}` : `\`-${short}\`, \`--${long}`);
    }
    const named = [...page.matchAll(/`--([a-z][a-z-]*)/g)].map((match) => match[1]!);
    const known = new Set([...options.map((option) => option.name), ...ALL_OPTIONS.map((option) => option.name)]);
    expect(named.filter((long) => !known.has(long))).toEqual([]);
  },
);
