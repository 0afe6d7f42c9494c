// Writes docs/rules/ from the catalogue of build checks: bundles rule-docs/main.ts, which Node 20 cannot run as it is.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const root = fileURLToPath(new URL("..", import.meta.url));
const dependencies = Object.keys(JSON.parse(readFileSync(`${root}/package.json`, "utf8")).dependencies);
// Below node_modules, so that the dependencies are found.
mkdirSync(`${root}/node_modules/.cache`, { recursive: true });
const dir = mkdtempSync(`${root}/node_modules/.cache/rule-docs-`);
process.on("exit", () => rmSync(dir, { recursive: true, force: true }));
const bundle = await rolldown({
  cwd: root,
  input: { main: "scripts/rule-docs/main.ts" },
  platform: "node",
  external: (id) => id.startsWith("node:") || dependencies.some((name) => id === name || id.startsWith(`${name}/`)),
  resolve: { extensionAlias: { ".js": [".ts", ".js"] } },
  transform: { target: "node20" },
});
await bundle.write({ dir, format: "esm", entryFileNames: "[name].mjs", chunkFileNames: "chunks/[name]-[hash].mjs" });
process.argv[2] = root;
await import(`${dir}/main.mjs`);
