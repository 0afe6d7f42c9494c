/**
 * Keeps that something worked on this machine, so that the next build need not try it again. Only success is kept, and
 * only as a digest of the facts it stood on: where one of them is another, it is tried anew.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { VERSION } from "../../version.js";

/** What decides who may do what: who we are, the running kernel and its settings. */
const TEXTS = [
  "/proc/sys/kernel/random/boot_id",
  "/proc/sys/kernel/unprivileged_userns_clone",
  "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
  "/proc/sys/user/max_user_namespaces",
  "/proc/self/attr/current",
  "/proc/self/uid_map",
  "/etc/subuid",
  "/etc/subgid",
] as const;
const LINKS = ["/proc/self/ns/user", "/proc/self/ns/mnt", "/proc/self/ns/pid"] as const;
const TRIALS = "trials";
/** Of /proc/self/status. */
const RIGHTS = /^(?:Uid|Gid|CapBnd|CapEff|NoNewPrivs|Seccomp):.*$/gm;

/**
 * Whether `trial` is known to have worked with these programs (absolute paths) and this folder; else `tries`, and keeps a
 * success. `tries` resolves to `undefined` for success, to anything else for failure.
 */
export async function unlessTried<Problem>(
  {
    stateDir,
    trial,
    programs,
  }: { readonly stateDir: string; readonly trial: string; readonly programs: readonly string[] },
  tries: () => Promise<Problem | undefined>,
): Promise<Problem | undefined> {
  const folder = join(stateDir, TRIALS);
  const file = join(folder, trial);
  const facts = factsOf([...programs, stateDir]);
  if (textOf(file) === facts) return undefined;
  const problem = await tries();
  if (problem !== undefined) return problem;
  try {
    // Half a digest is no digest: it needs no rename.
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(file, facts, { mode: 0o600 });
  } catch {
    // It will be tried again.
  }
  return undefined;
}

/** After a failure of what should have worked. */
export function forgetTrials(stateDir: string): void {
  rmSync(join(stateDir, TRIALS), { recursive: true, force: true });
}

/** A file's times tell whether a program was changed; a folder's, which is written to all the time, are left out. */
function factsOf(paths: readonly string[]): string {
  const hash = createHash("sha256").update(`${VERSION}\0${process.version}\0`);
  for (const path of TEXTS) hash.update(`${textOf(path) ?? ""}\0`);
  for (const path of LINKS) hash.update(`${linkOf(path)}\0`);
  hash.update(`${(textOf("/proc/self/status")?.match(RIGHTS) ?? []).join("\n")}\0`);
  for (const path of paths) {
    const stat = statSync(path, { throwIfNoEntry: false });
    hash.update(`${path}\0${stat?.dev}\0${stat?.ino}\0${stat?.isFile() ? `${stat.size} ${stat.mtimeMs}` : ""}\0`);
  }
  return hash.digest("hex");
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
