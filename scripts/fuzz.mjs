// Feeds changed inputs to parsers and matchers: bundles test/fuzz/main.ts, which Node 20 cannot run as it is.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { rolldown } from "rolldown";

const root = fileURLToPath(new URL("..", import.meta.url));
const dependencies = Object.keys(JSON.parse(readFileSync(`${root}/package.json`, "utf8")).dependencies);
// Below node_modules, so that the dependencies are found.
mkdirSync(`${root}/node_modules/.cache`, { recursive: true });
const dir = mkdtempSync(`${root}/node_modules/.cache/fuzz-bundle-`);
process.on("exit", () => rmSync(dir, { recursive: true, force: true }));
const bundle = await rolldown({
  cwd: root,
  input: { main: "test/fuzz/main.ts" },
  platform: "node",
  external: (id) => id.startsWith("node:") || dependencies.some((name) => id === name || id.startsWith(`${name}/`)),
  resolve: { extensionAlias: { ".js": [".ts", ".js"] } },
  transform: {
    target: "node20",
    define: {
      OCIBUILD_VERSION: '"0.0.0"',
      "import.meta.url": JSON.stringify(pathToFileURL(`${root}/test/fuzz/main.ts`).href),
    },
  },
});
await bundle.write({ dir, format: "esm", entryFileNames: "[name].mjs", chunkFileNames: "chunks/[name]-[hash].mjs" });
await import(`${dir}/main.mjs`);
