/** `docs/rules/` and the catalogue of build checks hold each other to account. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { lintExample } from "../scripts/rule-docs/lint-example.js";
import { rulePages } from "../scripts/rule-docs/pages.js";
import { RULE_TEXTS } from "../scripts/rule-docs/texts.js";
import { RULE_NAMES, ruleNamed } from "../src/dockerfile/lint/rules.js";

const FOLDER = new URL("../docs/rules/", import.meta.url);

test("every rule has a page, and no other page is there", () => {
  const expected = [...RULE_NAMES.map((name) => `${ruleNamed(name).slug}.md`), "README.md"];
  expect(readdirSync(FOLDER).sort()).toEqual(expected.sort());
});

test("the pages are what `node scripts/rule-docs.mjs` writes", async () => {
  for (const [name, text] of await rulePages())
    expect([name, readFileSync(new URL(name, FOLDER), "utf8")]).toEqual([name, text]);
});

describe.each(RULE_NAMES)("%s", (name) => {
  const { bad, good, ignoreFile, skippedAt } = RULE_TEXTS[name];
  const { isExperimental } = ruleNamed(name);

  test("is broken by its bad example, alone", async () => {
    const { findings } = await lintExample(bad, name, ignoreFile);
    expect(findings.map(({ rule }) => rule)).toEqual([name]);
  });

  test("is kept by its good example, which breaks no other rule and can be built", async () => {
    expect(await lintExample(good, name, ignoreFile)).toEqual({ findings: [], canBuild: true });
  });

  test("is skipped by a comment above the instruction when its page says so", async () => {
    const { findings } = await lintExample(bad, name, ignoreFile);
    const lines = bad.split("\n");
    // An instruction over several lines begins above the line that is marked.
    let at = findings[0]!.line - 1;
    while (at > 0 && !/^[A-Za-z]/.test(lines[at]!)) at--;
    if (skippedAt === "later") at++;
    lines.splice(at, 0, "", `# check=skip=${name}`);
    const after = await lintExample(lines.join("\n"), name, ignoreFile);
    const isFound = skippedAt === "file" || isExperimental;
    expect(after.findings.length).toBe(isFound ? 1 : 0);
  });
});
