/** The bare repository that keeps what was fetched from one remote: only what is new crosses the network. */
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { GitAccess } from "./git-access.js";
import { gitFailure } from "./git-failure.js";
import type { GitRemote } from "./git-remote.js";
import type { ResolvedRef } from "./resolve-ref.js";
import { type GitOutput, type GitProgram, type GitRun, runGit } from "./run-git.js";

export interface FetchOptions {
  readonly program: GitProgram;
  readonly access: GitAccess;
  readonly signal: AbortSignal;
}

const FETCH_TIMEOUT_MS = 3600 * 1000;
const UNADVERTISED = /not our ref|unadvertised object|does not allow request/;
const NO_SHALLOW = /--depth|shallow/;

/** The name under which an object is kept: the next fetch tells the server that it is there. */
export function keptRef(object: string): string {
  return `refs/ocibuild/${object}`;
}

/**
 * Brings `resolved` with everything that a work tree needs into the bare repository `path`, which is made when it is not
 * there, and made anew when it is damaged. One caller at a time.
 * @throws CONTEXT_FETCH
 */
export async function fetchCommit(
  path: string,
  remote: GitRemote,
  resolved: ResolvedRef,
  options: FetchOptions,
): Promise<void> {
  if (!existsSync(join(path, "HEAD"))) return makeAndFetch(path, remote, resolved, options);
  if (await hasObject(path, resolved.object, options)) return;
  try {
    await fetchInto(path, remote, resolved, options);
  } catch (error) {
    options.signal.throwIfAborted();
    // Either the remote cannot be had, which a new try says again, or what is here is damaged.
    try {
      await makeAndFetch(path, remote, resolved, options);
    } catch {
      options.signal.throwIfAborted();
      throw error;
    }
  }
}

/** Nobody sees the repository before it is whole. */
async function makeAndFetch(
  path: string,
  remote: GitRemote,
  resolved: ResolvedRef,
  options: FetchOptions,
): Promise<void> {
  const folder = dirname(path);
  const fresh = join(folder, `new-${randomUUID()}`);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const format = resolved.object.length === 64 ? ["--object-format=sha256"] : [];
    await expectSuccess(folder, remote, ["init", "--quiet", "--bare", "--template=", ...format, "--", fresh], options);
    await fetchInto(fresh, remote, resolved, options);
    rmSync(path, { recursive: true, force: true });
    renameSync(fresh, path);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

async function fetchInto(
  path: string,
  remote: GitRemote,
  { ref, object }: ResolvedRef,
  options: FetchOptions,
): Promise<void> {
  // A killed git leaves it, and nobody else is here.
  rmSync(join(path, "shallow.lock"), { force: true });
  if (ref !== undefined) {
    await fetchRefs(path, remote, ["--no-tags", "--depth=1"], [`+${ref}:${keptRef(object)}`], options);
    if (await hasObject(path, object, options)) return;
    // The ref moved since it was looked up.
  }
  const byId = await tryFetch(path, remote, ["--no-tags", "--depth=1"], [`+${object}:${keptRef(object)}`], options);
  if (byId.exitCode === 0 && (await hasObject(path, object, options))) return;
  if (byId.exitCode !== 0 && !UNADVERTISED.test(byId.stderr) && !NO_SHALLOW.test(byId.stderr)) {
    throw gitFailure("fetch remote", remote, byId, options.access);
  }
  // The server gives no commits by their ids: they are looked for in everything that it has.
  const deepen = existsSync(join(path, "shallow")) ? ["--unshallow"] : [];
  const everything = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"];
  await fetchRefs(path, remote, ["--no-tags", ...deepen], everything, options);
  if (await hasObject(path, object, options)) {
    await expectSuccess(path, remote, ["update-ref", keptRef(object), object], options, path);
    return;
  }
  throw gitFailure("fetch remote", remote, {
    exitCode: 1,
    stdout: Buffer.alloc(0),
    stderr: `fatal: it has no commit ${object}`,
  });
}

async function fetchRefs(
  path: string,
  remote: GitRemote,
  flags: readonly string[],
  refs: readonly string[],
  options: FetchOptions,
): Promise<void> {
  let output = await tryFetch(path, remote, flags, refs, options);
  if (output.exitCode !== 0 && flags.includes("--depth=1") && NO_SHALLOW.test(output.stderr)) {
    // Plain file servers ("dumb" HTTP) have no shallow histories.
    const whole = flags.filter((flag) => flag !== "--depth=1");
    output = await tryFetch(path, remote, whole, refs, options);
  }
  if (output.exitCode !== 0) throw gitFailure("fetch remote", remote, output, options.access);
}

function tryFetch(
  path: string,
  remote: GitRemote,
  flags: readonly string[],
  refs: readonly string[],
  { program, access, signal }: FetchOptions,
): Promise<GitOutput> {
  const { protocols, secretConfig, sshCommand, sshAgent } = access;
  const run: GitRun = { cwd: path, gitDir: path, protocols, secretConfig, sshCommand, sshAgent, signal };
  const args = ["fetch", "--quiet", "--force", "--no-recurse-submodules", ...flags, "--", remote.url, ...refs];
  return runGit(program, args, { ...run, timeoutMs: FETCH_TIMEOUT_MS });
}

/** Whether the commit or tag is there with its files. */
async function hasObject(path: string, object: string, { program, signal }: FetchOptions): Promise<boolean> {
  const { exitCode } = await runGit(program, ["cat-file", "-e", `${object}^{tree}`], {
    cwd: path,
    gitDir: path,
    signal,
  });
  return exitCode === 0;
}

async function expectSuccess(
  cwd: string,
  remote: GitRemote,
  args: readonly string[],
  { program, signal }: FetchOptions,
  gitDir?: string,
): Promise<void> {
  const output = await runGit(program, args, { cwd, gitDir, signal });
  if (output.exitCode !== 0) throw gitFailure("keep a copy of", remote, output);
}
