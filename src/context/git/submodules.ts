/** The submodules of a commit: where they belong, which repository and which commit they are. @spec gitmodules(5) */

import { OcibuildError } from "../../errors.js";
import { gitFailure } from "./git-failure.js";
import { type GitRemote, submoduleRemote } from "./git-remote.js";
import { isCommitId } from "./resolve-ref.js";
import { type GitProgram, runGit } from "./run-git.js";

export interface Submodule {
  /** Below the root of the repository. */
  readonly path: string;
  readonly remote: GitRemote;
  readonly commit: string;
}

export interface ListSubmodulesOptions {
  readonly program: GitProgram;
  readonly remote: GitRemote;
  readonly repository: string;
  readonly commit: string;
  readonly signal: AbortSignal;
}

/** Most submodules of a commit. */
const MAX_SUBMODULES = 1000;

/**
 * The submodules of the commit in the order of their paths.
 * @throws CONTEXT_INVALID for a URL that is not allowed; CONTEXT_FETCH for a submodule that `.gitmodules` does not know
 */
export async function listSubmodules(options: ListSubmodulesOptions): Promise<readonly Submodule[]> {
  const links = await gitLinks(options);
  if (links.size === 0) return [];
  if (links.size > MAX_SUBMODULES) {
    throw new OcibuildError("LIMIT_EXCEEDED", `"${options.remote.url}" has more than ${MAX_SUBMODULES} submodules`, {
      details: { limit: "submodules", value: MAX_SUBMODULES },
    });
  }
  const known = await modules(options);
  const found: Submodule[] = [];
  for (const [path, commit] of links) {
    const module = known.find((candidate) => candidate.get("path")?.replace(/\/+$/, "") === path);
    if (module?.get("update") === "none") continue;
    const url = module?.get("url");
    if (url === undefined || url === "") throw unknown(options.remote, path);
    found.push({ path, remote: submoduleRemote(options.remote, url), commit });
  }
  return found;
}

/** Path → commit of what the tree links to. */
async function gitLinks({
  program,
  remote,
  repository,
  commit,
  signal,
}: ListSubmodulesOptions): Promise<Map<string, string>> {
  const args = ["ls-tree", "-r", "-z", "--full-tree", commit];
  const links = new Map<string, string>();
  let rest: Buffer = Buffer.alloc(0);
  const onStdout = (chunk: Buffer): void => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = bytes.indexOf(0); end !== -1; end = bytes.indexOf(0, start)) {
      // Nearly every entry is a file; those are not even decoded.
      if (bytes[start + 1] === SIX) addLink(links, bytes.toString("utf8", start, end));
      start = end + 1;
    }
    rest = bytes.subarray(start);
  };
  const output = await runGit(program, args, { cwd: repository, gitDir: repository, onStdout, signal });
  if (output.exitCode !== 0) throw gitFailure("read the files of", remote, output);
  return links;
}

/** The second digit of `160000`, the mode of a link to a commit. */
const SIX = 0x36;

function addLink(links: Map<string, string>, entry: string): void {
  const match = /^160000 commit ([0-9a-f]+)\t(.+)$/s.exec(entry);
  if (match?.[1] !== undefined && isCommitId(match[1])) links.set(match[2]!, match[1]);
}

/** The sections of `.gitmodules`. */
async function modules(options: ListSubmodulesOptions): Promise<readonly ReadonlyMap<string, string>[]> {
  const { program, repository, commit, signal } = options;
  const args = ["config", "--no-includes", `--blob=${commit}:.gitmodules`, "-z", "--get-regexp", "^submodule\\."];
  const output = await runGit(program, args, { cwd: repository, gitDir: repository, signal });
  const sections = new Map<string, Map<string, string>>();
  if (output.exitCode !== 0) return [];
  for (const setting of output.stdout.toString("utf8").split("\0")) {
    // The name of a section may hold anything, even dots and line breaks in quotes; keys are words.
    const match = /^submodule\.(.*)\.([a-zA-Z0-9-]+)\n(.*)$/s.exec(setting);
    if (match === null) continue;
    const [, name = "", key = "", value = ""] = match;
    const section = sections.get(name) ?? new Map<string, string>();
    section.set(key.toLowerCase(), value);
    sections.set(name, section);
  }
  return [...sections.values()];
}

function unknown(remote: GitRemote, path: string): OcibuildError<"CONTEXT_FETCH"> {
  return new OcibuildError(
    "CONTEXT_FETCH",
    `failed to update submodules for "${remote.url}": no url found for submodule path ${JSON.stringify(path)} in .gitmodules`,
    { details: { url: remote.url }, hint: "Leave submodules out with ?submodules=false in the URL." },
  );
}
