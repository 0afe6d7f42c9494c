/** Runs a TypeScript module of this repository, which Node 20 cannot run as it is: bundled first, then imported. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { rolldown } from "rolldown";

export const root = fileURLToPath(new URL("..", import.meta.url));

/** `entry` is a path in the repository; in it, `import.meta.url` is its own place. */
export async function runTypeScript(entry) {
  const dependencies = Object.keys(JSON.parse(readFileSync(`${root}/package.json`, "utf8")).dependencies);
  // Below node_modules, so that the dependencies are found.
  mkdirSync(`${root}/node_modules/.cache`, { recursive: true });
  const dir = mkdtempSync(`${root}/node_modules/.cache/run-`);
  process.on("exit", () => rmSync(dir, { recursive: true, force: true }));
  const bundle = await rolldown({
    cwd: root,
    input: { main: entry },
    platform: "node",
    external: (id) => id.startsWith("node:") || dependencies.some((name) => id === name || id.startsWith(`${name}/`)),
    resolve: { extensionAlias: { ".js": [".ts", ".js"] } },
    transform: {
      target: "node20",
      define: {
        OCIBUILD_VERSION: '"0.0.0"',
        "import.meta.url": JSON.stringify(pathToFileURL(`${root}/${entry}`).href),
      },
    },
  });
  await bundle.write({ dir, format: "esm", entryFileNames: "[name].mjs", chunkFileNames: "chunks/[name]-[hash].mjs" });
  await import(`${dir}/main.mjs`);
}
