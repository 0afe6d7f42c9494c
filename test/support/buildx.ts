/**
 * Docker that is BuildKit too (dockerd 24 or newer, and the plugin buildx), for daemons of the tests' own. Debian 12 has
 * none; `scripts/newer-docker.sh`, which `.ci/run` starts, unpacks that of the next Debian into a folder.
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { requireRoot } from "./ordinary-user.js";
import { requireTool } from "./tools.js";

/** Programs of one Docker, as `startDockerd` takes them. */
export interface DockerPrograms {
  /** PATH with their folders first: daemon, client, containerd and its shim. */
  readonly searchPath: string;
  /** The client's plugin. */
  readonly buildx: string;
}

/** Docker that can keep images in containerd's store. */
const MIN_DOCKERD = 24;
const PLUGIN_FOLDERS = [
  "usr/libexec/docker/cli-plugins",
  "usr/lib/docker/cli-plugins",
  "usr/local/lib/docker/cli-plugins",
];

/**
 * The Docker of `$OCIBUILD_TEST_DOCKER` or of the folder that the script fills, else the machine's if that is new enough;
 * `undefined`, loudly, where there is none or we are not root.
 * @throws Error in that case when `CI=true`
 */
export function findBuildx(): DockerPrograms | undefined {
  if (!requireRoot() || !requireTool("runc")) return undefined;
  const cache = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  const folder = process.env["OCIBUILD_TEST_DOCKER"] ?? join(cache, "ocibuild-test/docker");
  const path = process.env["PATH"] ?? "";
  const places = [
    { root: folder, searchPath: [join(folder, "usr/bin"), join(folder, "usr/sbin"), path].join(delimiter) },
    { root: "/", searchPath: path },
  ];
  for (const { root, searchPath } of places) {
    const buildx = PLUGIN_FOLDERS.map((name) => join(root, name, "docker-buildx")).find((file) => existsSync(file));
    if (buildx !== undefined && dockerdVersion(searchPath) >= MIN_DOCKERD) return { searchPath, buildx };
  }
  const message = `no dockerd ${MIN_DOCKERD} with buildx is here (scripts/newer-docker.sh fetches one)`;
  if (process.env["CI"] === "true") throw new Error(`${message}, and CI=true forbids skipping the tests that need it`);
  process.stderr.write(`\n!!! SKIPPED: ${message}; the tests that need it do not run\n`);
  return undefined;
}

function dockerdVersion(searchPath: string): number {
  try {
    const stdio: ["ignore", "pipe", "ignore"] = ["ignore", "pipe", "ignore"];
    const options = { encoding: "utf8", cwd: tmpdir(), env: { PATH: searchPath }, stdio } as const;
    return Number(/version (\d+)\./.exec(execFileSync("dockerd", ["--version"], options))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
