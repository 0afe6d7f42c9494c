// Makes a fresh clone ready: installs the locked dependencies and builds `dist/`, each only when it is missing or old.
// Plain JavaScript with Node's own modules: it runs before anything is installed.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`ocibuild needs Node.js 20.19 or newer; this is ${process.versions.node}.`);
  process.exit(1);
}

/** The time of the newest file below `path`, or 0 when there is none. */
function newest(path) {
  if (!existsSync(`${root}/${path}`)) return 0;
  const stat = statSync(`${root}/${path}`);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(0, ...readdirSync(`${root}/${path}`).map((name) => newest(`${path}/${name}`)));
}

function run(command, args) {
  // npm is a script on Windows, so it needs a shell there; nothing of it comes from outside.
  const result = spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2], shell: process.platform === "win32" });
  if (result.status !== 0) process.exit(result.status ?? 1);
}

if (newest("node_modules/.package-lock.json") < newest("package-lock.json")) {
  console.error("Installing dependencies …");
  run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
}
const sources = Math.max(...["src", "package.json", "tsconfig.json", "scripts"].map(newest));
if (newest("dist/.built") < sources) {
  console.error("Building dist/ …");
  run(process.execPath, ["scripts/build.mjs"]);
}
