/** The files of `docs/rules/`: one page for each rule of the catalogue, and their list. */
import { RULE_NAMES, type RuleName, ruleNamed } from "../../src/dockerfile/lint/rules.js";
import { lintExample } from "./lint-example.js";
import { RULE_TEXTS } from "./texts.js";

const MADE_BY = "<!-- Made by `node scripts/rule-docs.mjs` from src/dockerfile/lint/rules.ts. -->";

/** File name → text. */
export async function rulePages(): Promise<ReadonlyMap<string, string>> {
  const pages = new Map([["README.md", listPage()]]);
  for (const name of RULE_NAMES) pages.set(`${ruleNamed(name).slug}.md`, await rulePage(name));
  return pages;
}

async function rulePage(name: RuleName): Promise<string> {
  const { description, hint, isExperimental } = ruleNamed(name);
  const { why, bad, good, ignoreFile, skippedAt } = RULE_TEXTS[name];
  const { findings } = await lintExample(bad, name, ignoreFile);
  const printed = findings.map(({ rule, line, message }) => `Dockerfile:${line} ${rule}: ${message}`);
  const onlyWhenAsked = `This rule is experimental: it is off unless \`# check=experimental=${name}\` asks for it.`;
  return [
    MADE_BY,
    `# ${name}`,
    `${description}.`,
    ...(isExperimental ? [onlyWhenAsked] : []),
    "## Why",
    ...why,
    "## Bad",
    ...(ignoreFile === undefined ? [] : ["With this `.dockerignore`:", fenced("", ignoreFile)]),
    fenced("dockerfile", bad),
    fenced("", printed.map((line) => `${line}\n`).join("")),
    "## Good",
    fenced("dockerfile", good),
    "## What to do",
    `${hint[0]!.toUpperCase()}${hint.slice(1)}.`,
    ...(isExperimental ? [] : [`Where it is meant as it stands, write ${skipped(name, skippedAt)}.`]),
    "[All rules](README.md)",
  ]
    .map(wrapped)
    .join("\n\n")
    .concat("\n");
}

function listPage(): string {
  const rows = RULE_NAMES.map((name) => {
    const { slug, description, isExperimental } = ruleNamed(name);
    return `| [${name}](${slug}.md)${isExperimental ? " (experimental)" : ""} | ${description} |`;
  });
  return [
    MADE_BY,
    "# Build checks",
    "The rules of BuildKit under BuildKit's names. A build warns of what it finds in the stages that it needs; `ocibuild --check PATH` looks at all stages (with `--target` at that one and what it needs), builds nothing, and ends with exit code 1 when there is a finding.",
    ["| Rule | |", "|---|---|", ...rows].join("\n"),
    "## Options",
    "Options stand in a directive at the top of the Dockerfile, before everything else:",
    fenced("dockerfile", "# check=skip=JSONArgsRecommended,StageNameCasing;error=true\n"),
    [
      "- `skip=Rule,Rule` leaves rules out; `skip=all` all of them.",
      "- `error=true` makes findings an error: the build fails, after all warnings, before the first step.",
      "- `experimental=Rule,Rule` or `experimental=all` turns experimental rules on; `skip` does not touch them.",
    ].join("\n"),
    "There are no blanks around `;`, because the value ends at the first blank. Names are exact, upper and lower case included; unknown ones mean nothing. The build argument `BUILDKIT_DOCKERFILE_CHECK` takes the place of the directive.",
    "A comment `# check=skip=Rule` above an instruction holds for this instruction alone. In the first lines of the file it would be the directive, so put an empty line above it there. Rules that look at the file as a whole (casing, names of stages, defaults of arguments) know the directive only.",
  ]
    .map(wrapped)
    .join("\n\n")
    .concat("\n");
}

function skipped(name: RuleName, place: "file" | "later" | undefined): string {
  const above = place === "later" ? "the later instruction" : "the instruction";
  return `\`# check=skip=${name}\` at the top of the Dockerfile${place === "file" ? "" : `, or right above ${above}`}`;
}

function fenced(language: string, text: string): string {
  return `\`\`\`${language}\n${text}\`\`\``;
}

const MAX_COLUMNS = 120;

/** A paragraph in lines that are not too long; code, tables and lists stay as they are. */
function wrapped(block: string): string {
  if (/^(?:```|\||- |#|<!--)/.test(block)) return block;
  const lines = [""];
  for (const word of block.split(" ")) {
    const line = lines[lines.length - 1]!;
    if (line === "") lines[lines.length - 1] = word;
    else if (line.length + word.length + 1 <= MAX_COLUMNS) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines.join("\n");
}
