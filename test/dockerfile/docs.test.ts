/** docs/dockerfile.md: each example is run, and prints what the page says. `OCIBUILD_UPDATE_GOLDENS=1` writes the outputs anew. */
import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import * as exported from "../../src/dockerfile/index.js";
import { runExample } from "../support/run-example.js";

const PAGE = new URL("../../docs/dockerfile.md", import.meta.url);
const EXAMPLE = /```ts\n([\s\S]*?)```\n\n```text\n([\s\S]*?)```/g;
const text = readFileSync(PAGE, "utf8");
const examples = [...text.matchAll(EXAMPLE)].map(([, code = "", output = ""], index) => ({
  title: `${index + 1}: ${text
    .slice(0, text.indexOf(code))
    .match(/^## (.*)$/gm)
    ?.at(-1)}`,
  code,
  output,
}));

describe("docs/dockerfile.md", () => {
  it("has an output for every example", () => {
    expect(examples.length).toBeGreaterThanOrEqual(6);
    expect(examples).toHaveLength(text.split("```ts\n").length - 1);
  });

  it.each(examples)("$title prints what it says", async ({ code, output }) => {
    const printed = (await runExample(code, "ts")).replace(/\n*$/, "\n");
    if (process.env["OCIBUILD_UPDATE_GOLDENS"] === "1") {
      const page = readFileSync(PAGE, "utf8");
      writeFileSync(
        PAGE,
        page.replace(`${code}\`\`\`\n\n\`\`\`text\n${output}`, () => `${code}\`\`\`\n\n\`\`\`text\n${printed}`),
      );
    } else expect(printed).toBe(output);
  });

  it("names every function of the sub-export", () => {
    const functions = Object.entries(exported).flatMap(([name, value]) => (typeof value === "function" ? [name] : []));
    expect(functions.filter((name) => !text.includes(name))).toEqual([]);
  });
});
