/** docs/registry.md: each example is run, and prints what the page says. `OCIBUILD_UPDATE_GOLDENS=1` writes the outputs anew. */
import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import * as registry from "../../src/registry/index.js";
import * as faults from "../../src/testing/registry/faults.js";
import { runExample } from "../support/run-example.js";

const PAGE = new URL("../../docs/registry.md", import.meta.url);
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

describe("docs/registry.md", () => {
  it("has an output for every example", () => {
    expect(examples.length).toBeGreaterThanOrEqual(6);
    expect(examples).toHaveLength(text.split("```ts\n").length - 1);
  });

  it.each(examples)("$title prints what it says", async ({ code, output }) => {
    const printed = (await runExample(code, "ts")).replace(/[ \t]+$/gm, "").replace(/\n*$/, "\n");
    if (process.env["OCIBUILD_UPDATE_GOLDENS"] === "1") {
      const page = readFileSync(PAGE, "utf8");
      const before = `${code}\`\`\`\n\n\`\`\`text\n`;
      writeFileSync(
        PAGE,
        page.replace(`${before}${output}`, () => `${before}${printed}`),
      );
    } else expect(printed).toBe(output);
  });

  it("names everything that the sub-export has, and every fault", () => {
    const names = [...Object.keys(registry), ...Object.keys(faults).filter((name) => name !== "FaultPlan")];
    expect(names.filter((name) => !text.includes(name))).toEqual([]);
  });
});
