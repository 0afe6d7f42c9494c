/** Git for one build: its program is looked for, its folders are made, when a repository is first read. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { GitRepositories } from "../cache/git-repositories.js";
import type { Store } from "../cache/store.js";
import { followRedirect } from "../context/git/follow-redirect.js";
import { GitCheckouts, type GitTarget, type NamedBy } from "../context/git/git-checkouts.js";
import { parseRemote } from "../context/git/git-remote.js";
import type { ResolvedRef } from "../context/git/resolve-ref.js";
import { type GitProgram, gitEnvironment } from "../context/git/run-git.js";
import { OcibuildError } from "../errors.js";
import type { OnEvent, TaskInfo } from "../events.js";
import type { Abortable } from "../oci/blobs.js";
import type { FileTree } from "../tree/file-tree.js";
import { findProgram } from "../util/find-program.js";
import { ownedName } from "../util/process-owner.js";
import { untilAborted } from "../util/until-aborted.js";
import { VERSION } from "../version.js";
import { asFetchFailure } from "./fetch-failure.js";

export interface GitSourcesOptions {
  readonly store: Store;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folders that programs are not taken from: build contexts. */
  readonly contextFolders: () => readonly string[];
  readonly secret: (id: string) => Promise<Uint8Array | undefined>;
  /** Socket of the ssh agent that Dockerfiles may use (`--ssh default`). */
  readonly sshAgent: string | undefined;
  readonly onEvent: OnEvent;
  readonly nowMs: () => number;
}

export class GitSources implements AsyncDisposable {
  readonly #options: GitSourcesOptions;
  readonly #checkouts: GitCheckouts;
  readonly #folders: string[] = [];
  readonly #abort = new AbortController();
  readonly #underWay = new Set<Promise<unknown>>();
  #program: GitProgram | undefined;
  #count = 0;

  constructor(options: GitSourcesOptions) {
    this.#options = options;
    const repositories = new GitRepositories(options.store.root, options.store.use);
    this.#checkouts = new GitCheckouts({
      program: () => this.#findProgram(),
      repository: (url, format) => repositories.at(url, format),
      createFolder: () => this.#createFolder(),
      secret: options.secret,
      // As docker does, the user's own agent is asked for what the user names himself.
      sshAgent: (namedBy) => options.sshAgent ?? (namedBy === "user" ? options.env["SSH_AUTH_SOCK"] : undefined),
      follow: (url) => this.#follow(url),
      signal: this.#abort.signal,
    });
  }

  /** The commit that `target` is now. @throws CONTEXT_FETCH, CONTEXT_INVALID; the signal's reason */
  resolve(target: GitTarget, namedBy: NamedBy, options: Abortable): Promise<ResolvedRef> {
    const name = `resolve git ${shown(target)}`;
    const detail = ({ commit }: ResolvedRef): string => commit;
    const work = this.#task("resolve", name, () => this.#checkouts.resolve(target, namedBy), detail);
    return untilAborted(work, options.signal);
  }

  /** A text that is another when the files are others. @throws as `resolve` */
  async digest(target: GitTarget, namedBy: NamedBy, options: Abortable): Promise<string> {
    const { object, commit, ref = "" } = await this.resolve(target, namedBy, options);
    if (!target.keepGitDir || target.subdirectory !== "") return `git:${commit}`;
    // The folder .git tells of the ref, its tag and the remote.
    return `git:${object} ${ref} ${parseRemote(target.remote).url}`;
  }

  /** When the commit was made, seconds since 1970. @throws as `resolve` */
  time(target: GitTarget, namedBy: NamedBy, options: Abortable): Promise<number> {
    return untilAborted(this.#tracked(this.#checkouts.time(target, namedBy)), options.signal);
  }

  /** The files of `target`; they can be read until this is disposed of. @throws as `resolve` */
  tree(target: GitTarget, namedBy: NamedBy, options: Abortable): Promise<FileTree> {
    const work = this.#task("context", `load git ${shown(target)}`, () => this.#checkouts.tree(target, namedBy));
    return untilAborted(work, options.signal);
  }

  /** Ends what is under way, waits for its end, and removes the files. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await Promise.allSettled(this.#underWay);
    for (const folder of this.#folders) rmSync(folder, { recursive: true, force: true });
  }

  #task<T>(kind: TaskInfo["kind"], name: string, action: () => Promise<T>, detail?: (result: T) => string): Promise<T> {
    return this.#tracked(this.#told(kind, name, action, detail));
  }

  #tracked<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work);
    const done = (): void => {
      this.#underWay.delete(work);
    };
    work.then(done, done);
    return work;
  }

  async #told<T>(
    kind: TaskInfo["kind"],
    name: string,
    action: () => Promise<T>,
    detail?: (result: T) => string,
  ): Promise<T> {
    const { onEvent, nowMs } = this.#options;
    const id = `git ${this.#count++}`;
    onEvent({ type: "task-started", task: { id, kind, name }, timeMs: nowMs() });
    try {
      const result = await action();
      const said = detail === undefined ? {} : { detail: detail(result) };
      onEvent({ type: "task-finished", id, outcome: "done", timeMs: nowMs(), ...said });
      return result;
    } catch (error) {
      const outcome = this.#abort.signal.aborted ? "cancelled" : "failed";
      onEvent({ type: "task-finished", id, outcome, timeMs: nowMs() });
      throw error;
    }
  }

  /** Loads the HTTP library, which takes a while, only when a server redirects. */
  async #follow(url: string): Promise<string> {
    const { createTransport, DEFAULT_TIMEOUTS } = await import("../http/transport.js");
    const transport = createTransport({
      userAgent: `git/2 ocibuild/${VERSION}`,
      timeouts: DEFAULT_TIMEOUTS,
      connectionsPerOrigin: 1,
      insecureHosts: new Set(),
    });
    try {
      return await followRedirect(url, transport, this.#abort.signal);
    } catch (error) {
      throw asFetchFailure(error, new URL(url));
    } finally {
      await transport.close();
    }
  }

  #createFolder(): string {
    const folder = join(this.#options.store.tempDir(), ownedName());
    mkdirSync(folder, { mode: 0o700 });
    this.#folders.push(folder);
    return folder;
  }

  #findProgram(): GitProgram {
    const { env, contextFolders } = this.#options;
    this.#program ??= foundGit(env, contextFolders());
    return this.#program;
  }
}

function foundGit(env: GitSourcesOptions["env"], outside: readonly string[]): GitProgram {
  const found = findProgram("git", { searchPath: env["PATH"] ?? "", outside });
  if (found !== undefined) return { path: found.path, environment: gitEnvironment(env, found.searchPath) };
  throw new OcibuildError("CONTEXT_FETCH", 'the program "git" is needed for git repositories, but is not on PATH', {
    details: { url: "git" },
    hint: "Install git. One that lies in the build context is not used.",
  });
}

/** `https://h/x.git#ref:dir`, without credentials. */
function shown(target: GitTarget): string {
  const { url } = parseRemote(target.remote);
  const { ref = "", subdirectory } = target;
  const fragment = subdirectory === "" ? ref : `${ref}:${subdirectory}`;
  return fragment === "" ? url : `${url}#${fragment}`;
}
