import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { REFUSED_COMMANDS } from "../../src/cli/commands.js";
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

test("docs/cli.md names every command that is refused", () => {
  for (const name of REFUSED_COMMANDS) expect(text).toContain(`\`${name}\``);
});
