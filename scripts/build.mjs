// Bundles src/ into dist/: one file for each export of package.json and chunks that they load on demand, so that an
// unchanged build reads a few files and none of the dependencies it does not need. Declarations come from tsc.
import { execFileSync } from "node:child_process";
import { chmodSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const root = fileURLToPath(new URL("..", import.meta.url));
const manifest = JSON.parse(readFileSync(`${root}/package.json`, "utf8"));
const dependencies = Object.keys(manifest.dependencies);

rmSync(`${root}/dist`, { recursive: true, force: true });
const bundle = await rolldown({
  cwd: root,
  input: {
    cli: "src/cli/main.ts",
    index: "src/index.ts",
    dockerfile: "src/dockerfile/index.ts",
    executor: "src/executor/index.ts",
    registry: "src/registry/index.ts",
    testing: "src/testing/index.ts",
  },
  platform: "node",
  external: (id) => id.startsWith("node:") || dependencies.some((name) => id === name || id.startsWith(`${name}/`)),
  resolve: { extensionAlias: { ".js": [".ts", ".js"] } },
  transform: { target: "node20", define: { OCIBUILD_VERSION: JSON.stringify(manifest.version) } },
});
await bundle.write({
  dir: `${root}/dist`,
  format: "esm",
  entryFileNames: "[name].js",
  chunkFileNames: "chunks/[name]-[hash].js",
  sourcemap: true,
});
chmodSync(`${root}/dist/cli.js`, 0o755);

const tsc = fileURLToPath(import.meta.resolve("typescript/package.json")).replace(/package\.json$/, "bin/tsc");
execFileSync(process.execPath, [tsc, "-p", "tsconfig.build.json"], { cwd: root, stdio: "inherit" });
writeFileSync(`${root}/dist/.built`, "");
