/**
 * A builder that is a process of the test's own: Docker with containerd's store, which is BuildKit, and the buildx plugin.
 * Debian 12 has neither; where they are missing the tests are skipped loudly, in CI too.
 */
import { execFileSync } from "node:child_process";
import { tmpdir } from "node:os";
import { haveTool } from "./tools.js";

/** Docker that can keep images in containerd's store. */
const MIN_DOCKERD = 24;

export function haveBuildx(): boolean {
  if (!haveTool("docker") || !haveTool("dockerd") || process.platform !== "linux" || process.getuid?.() !== 0) {
    return skipped("dockerd and root");
  }
  const version = Number(/version (\d+)\./.exec(output("dockerd", ["--version"]))?.[1] ?? 0);
  if (version < MIN_DOCKERD) return skipped(`dockerd of version ${MIN_DOCKERD} or newer, not ${version}`);
  return /buildx/.test(output("docker", ["buildx", "version"])) || skipped("docker's plugin buildx");
}

function skipped(what: string): false {
  process.stderr.write(`\n!!! SKIPPED: no BuildKit is here (it takes ${what}); the tests that need it do not run\n`);
  return false;
}

function output(program: string, args: readonly string[]): string {
  try {
    return execFileSync(program, args, { encoding: "utf8", cwd: tmpdir(), stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    return "";
  }
}
