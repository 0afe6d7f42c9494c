/**
 * docs/errors-beginners.md shows what the program prints, word for word. `OCIBUILD_UPDATE_GOLDENS=1` writes the page anew.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runCli } from "../../src/cli/run-cli.js";
import { tempFolder } from "../support/temp-folder.js";
import { writeFiles } from "../support/write-files.js";
import { MISTAKES, type Mistake } from "./beginner-errors.js";
import { fakeIo } from "./support/fake-io.js";

const PAGE = new URL("../../docs/errors-beginners.md", import.meta.url);

const HEAD = `# The usual mistakes, and what they look like

Each shows a small build context, the command, and what ocibuild prints. The program says which line it is about, shows it,
and says what to do: the line that begins with \`hint:\`.

<!-- Written by test/cli/beginner-errors.test.ts, which compares it with what the program prints. -->
`;

function commandOf({ args = ["."] }: Mistake): readonly string[] {
  return ["build", ...args];
}

/** What the program prints, with the progress left out. */
async function printed(mistake: Mistake): Promise<{ code: number; text: string }> {
  const folder = tempFolder();
  const cwd = join(folder, "context");
  mkdirSync(cwd);
  writeFiles(cwd, mistake.files);
  const io = fakeIo([...commandOf(mistake), "--progress", "quiet", "--root", join(folder, "store")], { cwd });
  const code = await runCli(io);
  return { code, text: io.written.stderr + io.written.stdout };
}

async function sectionOf(mistake: Mistake): Promise<string> {
  const { code, text } = await printed(mistake);
  expect(code, mistake.title).toBe(1);
  const dockerfile = mistake.files["Dockerfile"];
  const others = Object.entries(mistake.files).filter(([name]) => name !== "Dockerfile");
  const shown = others.map(([name, content]) => {
    const lines = content.split("\n").flatMap((line) => (line === "" || line.startsWith("#") ? [] : [`\`${line}\``]));
    return lines.length === 0 ? `\`${name}\`` : `\`${name}\` (${lines.join(", ")})`;
  });
  return [
    `## ${mistake.title}`,
    mistake.story,
    ...(dockerfile === undefined ? [] : [`\`\`\`dockerfile\n${dockerfile}\`\`\``]),
    ...(shown.length === 0 ? [] : [`${dockerfile === undefined ? "There is" : "Beside it"}: ${shown.join(", ")}`]),
    `\`\`\`console\n$ ocibuild ${commandOf(mistake).join(" ")}\n${text.trimEnd()}\n\`\`\``,
  ].join("\n\n");
}

describe("docs/errors-beginners.md", () => {
  it("shows the most common mistakes as the program prints them", async () => {
    expect(MISTAKES.length).toBeGreaterThanOrEqual(10);
    const sections: string[] = [];
    for (const mistake of MISTAKES) sections.push(await sectionOf(mistake));
    const page = `${[HEAD.trimEnd(), ...sections].join("\n\n")}\n`;
    if (process.env["OCIBUILD_UPDATE_GOLDENS"] === "1") writeFileSync(PAGE, page);
    expect(readFileSync(PAGE, "utf8")).toBe(page);
  });

  it.each(MISTAKES)("$title: the line is named and shown, and there is a hint", async (mistake) => {
    const { text } = await printed(mistake);
    if (mistake.args?.includes("--check") === true) {
      expect(text).toMatch(/^Dockerfile:[0-9]+$/m);
      expect(text).toMatch(/^ +[0-9]+ \| >>> /m);
      return;
    }
    expect(text).toMatch(/^ERROR: /);
    expect(text).toMatch(/^hint: ./m);
    // These two are not about a line.
    if (mistake.files["Dockerfile"] === undefined || mistake.args?.includes("--target") === true) return;
    expect(text).toMatch(/^Dockerfile:[0-9]+:[0-9]+$/m);
    expect(text).toMatch(/^> *[0-9]+ \| /m);
    expect(text).toMatch(/^ +\| +\^+$/m);
  });
});
