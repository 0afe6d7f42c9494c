/** Which commit a ref of a repository is now, asked of its server. */
import { OcibuildError } from "../../errors.js";
import { goQuote } from "../../util/go-format.js";
import type { GitAccess } from "./git-access.js";
import { gitFailure } from "./git-failure.js";
import type { GitRemote } from "./git-remote.js";
import { type GitProgram, runGit } from "./run-git.js";

export interface ResolvedRef {
  /** Full name, `refs/heads/main`; `undefined` when a commit was asked for by its id. */
  readonly ref: string | undefined;
  /** What the ref points to: a commit, or the object of an annotated tag. */
  readonly object: string;
  /** The commit. */
  readonly commit: string;
}

export interface ResolveRefOptions {
  readonly program: GitProgram;
  readonly access: GitAccess;
  /** A folder that is no repository. */
  readonly cwd: string;
  readonly signal: AbortSignal;
}

const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/** Whether `text` is the full id of a commit. */
export function isCommitId(text: string): boolean {
  return COMMIT.test(text);
}

/**
 * The commit that `ref` names in `remote`: the default branch without one. A full id is taken as it is, nobody is asked.
 * @throws CONTEXT_FETCH when there is no such ref, or no answer
 */
export async function resolveRef(
  remote: GitRemote,
  ref: string | undefined,
  options: ResolveRefOptions,
): Promise<ResolvedRef> {
  if (ref !== undefined && isCommitId(ref)) return { ref: undefined, object: ref, commit: ref };
  if (ref === undefined) return defaultBranch(remote, options);
  const name = ref;
  const output = await listRemote(remote, [name, `${name}^{}`], options);
  const objects = objectsIn(output);
  const tag = `refs/tags/${withoutPrefix(name, "refs/tags/")}`;
  // As git itself has it: what is written in full first, then branches, then tags.
  const candidates = [`refs/${withoutPrefix(name, "refs/")}`, `refs/heads/${withoutPrefix(name, "refs/heads/")}`, tag];
  const found = candidates.find((candidate) => objects.has(candidate));
  if (found === undefined) {
    throw new OcibuildError(
      "CONTEXT_FETCH",
      `repository does not contain ref ${name}, output: ${goQuote(output)} (of "${remote.url}")`,
      { details: { url: remote.url }, hint: "Expected a branch, a tag, or the full id of a commit." },
    );
  }
  const object = objects.get(found)!;
  return checked(remote, { ref: found, object, commit: objects.get(`${found}^{}`) ?? object });
}

async function defaultBranch(remote: GitRemote, options: ResolveRefOptions): Promise<ResolvedRef> {
  const output = await listRemote(remote, ["HEAD"], options, ["--symref"]);
  const branch = /^ref: (refs\/heads\/\S+)\tHEAD$/m.exec(output)?.[1];
  const commit = objectsIn(output).get("HEAD");
  if (branch !== undefined && commit !== undefined) return checked(remote, { ref: branch, object: commit, commit });
  throw new OcibuildError("CONTEXT_FETCH", `could not find default branch for repository: "${remote.url}"`, {
    details: { url: remote.url },
    hint: "It may be empty; name a branch or tag after #.",
  });
}

function checked(remote: GitRemote, resolved: ResolvedRef): ResolvedRef {
  if (isCommitId(resolved.object) && isCommitId(resolved.commit)) return resolved;
  throw new OcibuildError("CONTEXT_FETCH", `invalid commit sha ${goQuote(resolved.object)} from "${remote.url}"`, {
    details: { url: remote.url },
  });
}

/** Names and the objects that they point to. */
function objectsIn(output: string): ReadonlyMap<string, string> {
  const objects = new Map<string, string>();
  for (const line of output.split("\n")) {
    const tab = line.indexOf("\t");
    if (tab !== -1 && !line.startsWith("ref: ")) objects.set(line.slice(tab + 1), line.slice(0, tab));
  }
  return objects;
}

async function listRemote(
  remote: GitRemote,
  patterns: readonly string[],
  { program, access, cwd, signal }: ResolveRefOptions,
  flags: readonly string[] = [],
): Promise<string> {
  const { protocols, secretConfig, sshCommand, sshAgent } = access;
  const args = ["ls-remote", ...flags, "--", remote.url, ...patterns];
  const output = await runGit(program, args, { cwd, protocols, secretConfig, sshCommand, sshAgent, signal });
  if (output.exitCode !== 0) throw gitFailure("fetch remote", remote, output, access);
  return output.stdout.toString("utf8");
}

function withoutPrefix(text: string, prefix: string): string {
  return text.startsWith(prefix) ? text.slice(prefix.length) : text;
}
