// Bundles src/ into dist/: one file for each export of package.json and chunks that they load on demand, so that an
// unchanged build reads a few files and none of the dependencies it does not need. Declarations come from tsc.
import { execFileSync } from "node:child_process";
import { chmodSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const root = fileURLToPath(new URL("..", import.meta.url));
const manifest = JSON.parse(readFileSync(`${root}/package.json`, "utf8"));
const dependencies = Object.keys(manifest.dependencies);

/** What `ocibuild` loads to tell its version, its help or a typing error. */
const START = ["src/cli/main.ts"];
/** The parser, which others use by itself. */
const PARSER = ["src/dockerfile/index.ts"];
/** What a build loads whatever it is asked for, when nothing has changed. */
const BUILD = [
  "src/build.ts",
  "src/cli/build-command.ts",
  "src/cli/call/parse-call.ts",
  "src/cli/options/catalogue.ts",
  "src/cli/options/parse-arguments.ts",
];

/** `entries` and all that they import at once, as module ids. */
function reachable(entries, context) {
  const found = new Set();
  const waiting = entries.map((entry) => `${root}${entry}`);
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    if (found.has(id)) continue;
    found.add(id);
    waiting.push(...(context.getModuleInfo(id)?.importedIds ?? []).filter((other) => other.startsWith(`${root}src/`)));
  }
  return found;
}

// A file for each set of modules that are loaded together would be dozens, and to load one takes half a millisecond.
let sets;
function chunkOf(id, context) {
  sets ??= {
    start: reachable(START, context),
    parser: reachable(PARSER, context),
    build: reachable(BUILD, context),
  };
  // To load the first is to run the program; the other is what `ocibuild/dockerfile` exports.
  if (id === `${root}${START[0]}` || id === `${root}${PARSER[0]}`) return null;
  return Object.keys(sets).find((name) => sets[name].has(id)) ?? null;
}

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
  preserveEntrySignatures: "allow-extension",
  external: (id) => id.startsWith("node:") || dependencies.some((name) => id === name || id.startsWith(`${name}/`)),
  resolve: { extensionAlias: { ".js": [".ts", ".js"] } },
  // For example a module that is loaded on demand by one file and at once by another: then it is never on demand.
  onLog: (level, { message }) => {
    if (level === "warn") throw new Error(message);
  },
  transform: { target: "node20", define: { OCIBUILD_VERSION: JSON.stringify(manifest.version) } },
});
await bundle.write({
  dir: `${root}/dist`,
  format: "esm",
  entryFileNames: "[name].js",
  chunkFileNames: "chunks/[name]-[hash].js",
  sourcemap: true,
  codeSplitting: { includeDependenciesRecursively: false, groups: [{ name: chunkOf, debugName: "loaded together" }] },
});
chmodSync(`${root}/dist/cli.js`, 0o755);

const tsc = fileURLToPath(import.meta.resolve("typescript/package.json")).replace(/package\.json$/, "bin/tsc");
execFileSync(process.execPath, [tsc, "-p", "tsconfig.build.json"], { cwd: root, stdio: "inherit" });
writeFileSync(`${root}/dist/.built`, "");
