// The README's first command: builds the example site to an OCI tarball and shows what came out.
import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const out = "dist/example-site.tar";
const args = [
  "dist/cli.js",
  "build",
  "examples/site",
  "--tag",
  "example/site:latest",
  "--reproducible",
  "--output",
  `type=oci,dest=${out}`,
  "--metadata-file",
  "dist/example-site.json",
];
console.error(`$ ocibuild ${args.slice(1).join(" ")}`);
const result = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" });
if (result.status !== 0) process.exit(result.status ?? 1);
const metadata = JSON.parse(readFileSync(`${root}/dist/example-site.json`, "utf8"));
console.error(`\n${out}: ${statSync(`${root}/${out}`).size} bytes, image ${metadata["containerimage.digest"]}`);
console.error("Look into it with: tar -tvf dist/example-site.tar");
