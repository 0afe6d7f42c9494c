/**
 * Programs that a test compares us with (GNU tar, python3, skopeo …).
 *
 * A missing one skips its suite loudly on a developer's machine and fails it where `CI=true`, so that nothing is
 * skipped by accident: `describe.runIf(requireTool("tar"))("…", () => …)`.
 */
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

const known = new Map<string, boolean>();

/** Whether the program `name` is on PATH. Says and decides nothing. */
export function haveTool(name: string): boolean {
  const remembered = known.get(name);
  if (remembered !== undefined) return remembered;
  const found = findOnPath(name);
  known.set(name, found);
  return found;
}

/**
 * True when every one of `names` is on PATH, else false after a notice on standard error.
 * @throws Error when one is missing and `CI=true`: the suite that calls this while it is collected then fails
 */
export function requireTool(...names: readonly string[]): boolean {
  return requireFound(names.filter((name) => !haveTool(name)).map((name) => `${JSON.stringify(name)} on PATH`));
}

/**
 * True when nothing is `missing`, else false after a notice on standard error: for what is not a program on PATH.
 * @throws Error when something is and `CI=true`
 */
export function requireFound(missing: readonly string[]): boolean {
  if (missing.length === 0) return true;
  const message = `there is no ${missing.join(" and no ")}`;
  if (process.env["CI"] === "true") throw new Error(`${message}, and CI=true forbids skipping the tests that need it`);
  process.stderr.write(`\n!!! SKIPPED: ${message}; the tests that need it do not run\n`);
  return false;
}

function findOnPath(name: string): boolean {
  const suffixes = process.platform === "win32" ? ["", ".exe", ".cmd"] : [""];
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    if (folder === "") continue;
    for (const suffix of suffixes) if (isExecutable(join(folder, name + suffix))) return true;
  }
  return false;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
