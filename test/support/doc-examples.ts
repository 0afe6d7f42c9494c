/** Examples of a page of docs/: each is run, and prints what the page says. `OCIBUILD_UPDATE_GOLDENS=1` writes the outputs anew. */
import { readFileSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { runExample } from "./run-example.js";

const EXAMPLE = /```ts\n([\s\S]*?)```\n\n```text\n([\s\S]*?)```/g;

/** Makes a test of each example of `page`, which has `least` or more; returns the page's text. */
export function testExamples(page: string, least: number): string {
  const text = readFileSync(page, "utf8");
  const examples = [...text.matchAll(EXAMPLE)].map(([, code = "", output = ""], index) => ({
    title: `${index + 1}: ${text
      .slice(0, text.indexOf(code))
      .match(/^## (.*)$/gm)
      ?.at(-1)}`,
    code,
    output,
  }));

  it("has an output for every example", () => {
    expect(examples.length).toBeGreaterThanOrEqual(least);
    expect(examples).toHaveLength(text.split("```ts\n").length - 1);
  });

  it.each(examples)("$title prints what it says", async ({ code, output }) => {
    const printed = (await runExample(code, "ts")).replace(/[ \t]+$/gm, "").replace(/\n*$/, "\n");
    if (process.env["OCIBUILD_UPDATE_GOLDENS"] === "1") {
      const before = `${code}\`\`\`\n\n\`\`\`text\n`;
      writeFileSync(
        page,
        readFileSync(page, "utf8").replace(`${before}${output}`, () => `${before}${printed}`),
      );
    } else expect(printed).toBe(output);
  });
  return text;
}
