/** Writes `docs/rules/`, and removes pages of rules that are no more. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { rulePages } from "./pages.js";

const folder = join(process.argv[2] ?? ".", "docs", "rules");
const pages = await rulePages();
mkdirSync(folder, { recursive: true });
for (const name of readdirSync(folder)) if (!pages.has(name)) rmSync(join(folder, name));
for (const [name, text] of pages) writeFileSync(join(folder, name), text);
