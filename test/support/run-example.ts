/** Runs code that imports the package by its name, with the sources of this working tree in the package's place. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { rolldown } from "rolldown";
import { runProgram } from "./program.js";

const EXPORTS = {
  "ocibuild/dockerfile": resolve("src/dockerfile/index.ts"),
  "ocibuild/registry": resolve("src/registry/index.ts"),
  "ocibuild/testing": resolve("src/testing/index.ts"),
};
const { dependencies } = JSON.parse(readFileSync("package.json", "utf8")) as { dependencies: Record<string, string> };

/** What `code`, a module of the file type `extension`, prints. @throws Error when it fails */
export async function runExample(code: string, extension: "mjs" | "ts", args: readonly string[] = []): Promise<string> {
  mkdirSync("node_modules/.cache", { recursive: true });
  const folder = mkdtempSync(resolve("node_modules/.cache/example-"));
  try {
    const input = join(folder, `input.${extension}`);
    writeFileSync(input, code);
    const bundle = await rolldown({
      input,
      platform: "node",
      external: (id) => /^node:/.test(id) || Object.keys(dependencies).some((name) => `${id}/`.startsWith(`${name}/`)),
      resolve: { alias: EXPORTS, extensionAlias: { ".js": [".ts", ".js"] } },
      transform: { target: "node20" },
    });
    const output = join(folder, "output.mjs");
    await bundle.write({ file: output, format: "esm", codeSplitting: false });
    return await runProgram(process.execPath, [output, ...args]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
