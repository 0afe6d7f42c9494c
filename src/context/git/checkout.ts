/** A commit as files in a folder, with its submodules. Nothing that a repository holds is run, and no link is followed. */
import { lstatSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { OcibuildError } from "../../errors.js";
import { keptRef } from "./bare-repository.js";
import { gitFailure } from "./git-failure.js";
import type { GitRemote } from "./git-remote.js";
import type { ResolvedRef } from "./resolve-ref.js";
import { type GitProgram, type GitRun, runGit } from "./run-git.js";

export interface CheckoutOptions {
  readonly program: GitProgram;
  readonly remote: GitRemote;
  readonly resolved: ResolvedRef;
  /** The bare repository that holds the commit. */
  readonly repository: string;
  /** An existing folder, empty. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

const TIMEOUT_MS = 3600 * 1000;

/** Writes the files of the commit; submodules become empty folders. @throws CONTEXT_FETCH */
export async function checkOut(options: CheckoutOptions): Promise<void> {
  const { folder, repository, resolved } = options;
  const indexFile = `${folder}.index`;
  try {
    const places = { cwd: folder, gitDir: repository, workTree: folder, indexFile };
    await git(options, ["read-tree", "--reset", "-u", resolved.commit], places);
  } finally {
    rmSync(indexFile, { force: true });
    rmSync(`${indexFile}.lock`, { force: true });
  }
}

/** Writes the files of the commit beside a `.git` folder that knows it and nothing before it. @throws CONTEXT_FETCH */
export async function checkOutWithGitDir(options: CheckoutOptions): Promise<void> {
  const { folder, repository, remote, resolved } = options;
  const gitDir = join(folder, ".git");
  const places = { cwd: folder, gitDir, workTree: folder };
  const format = resolved.object.length === 64 ? ["--object-format=sha256"] : [];
  await git(options, ["init", "--quiet", "--template=", ...format, "--", folder], { cwd: folder });
  const kept = keptRef(resolved.object);
  const isNamed = resolved.ref !== undefined && /^refs\/(?:heads|tags)\//.test(resolved.ref);
  const source = pathToFileURL(repository).href;
  const refs = isNamed ? `+${kept}:${resolved.ref}` : kept;
  // The one place where git reads a path of this machine: the copy that we made ourselves.
  await git(options, ["fetch", "--quiet", "--no-tags", "--update-head-ok", "--depth=1", "--", source, refs], {
    ...places,
    protocols: "file",
  });
  await git(options, ["checkout", "--quiet", "--force", "--detach", resolved.commit], places);
  await git(options, ["remote", "add", "origin", remote.url], places);
  rmSync(join(gitDir, "FETCH_HEAD"), { force: true });
}

/** When the commit was made (by its committer), seconds since 1970. @throws CONTEXT_FETCH */
export async function commitTime({
  program,
  remote,
  resolved,
  repository,
  signal,
}: Omit<CheckoutOptions, "folder">): Promise<number> {
  const args = ["log", "-1", "--no-show-signature", "--format=%ct", resolved.commit];
  const output = await runGit(program, args, { cwd: repository, gitDir: repository, signal });
  const seconds = Number(output.stdout.toString("latin1").trim() || "NaN");
  if (output.exitCode !== 0 || !Number.isSafeInteger(seconds)) throw gitFailure("read the time of", remote, output);
  return seconds;
}

/**
 * The folder `subdirectory` of the files in `root`.
 * @throws CONTEXT_FETCH when it is not there, or is no folder: links are not followed (CVE-2026-33748)
 */
export function openSubdirectory(root: string, subdirectory: string, remote: GitRemote): string {
  let path = root;
  for (const name of subdirectory.split("/").filter((part) => part !== "" && part !== ".")) {
    path = join(path, name);
    const stat = name === ".." || name.includes("\\") ? undefined : lstatSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory()) continue;
    const problem =
      stat === undefined
        ? `open /${subdirectory}: no such file or directory`
        : stat.isSymbolicLink()
          ? `open /${subdirectory}: a symbolic link is in the way`
          : `readdirent /${subdirectory}: not a directory`;
    throw new OcibuildError("CONTEXT_FETCH", `failed to open subdir ${subdirectory}: ${problem} in "${remote.url}"`, {
      details: { url: remote.url },
      hint: "Expected a folder of the repository after the colon, or in subdir=…",
    });
  }
  return path;
}

async function git(options: CheckoutOptions, args: readonly string[], run: GitRun): Promise<void> {
  const { program, remote, signal } = options;
  const output = await runGit(program, args, { ...run, signal, timeoutMs: TIMEOUT_MS });
  if (output.exitCode !== 0) throw gitFailure("checkout remote", remote, output);
}
