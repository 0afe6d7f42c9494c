/**
 * Git repositories as sources of files: what a ref is now, and its files as a tree. Each answer is given once in a build,
 * and each tree made once; repositories are kept from build to build.
 */
import { OcibuildError } from "../../errors.js";
import type { FileTree } from "../../tree/file-tree.js";
import { dirTree } from "../dir-tree.js";
import { fetchCommit } from "./bare-repository.js";
import { type CheckoutOptions, checkOut, checkOutWithGitDir, commitTime, openSubdirectory } from "./checkout.js";
import { checkoutTree } from "./checkout-tree.js";
import { type GitAccess, gitAccess, type ReadSecret } from "./git-access.js";
import { isRedirect } from "./git-failure.js";
import { type GitRemote, parseRemote } from "./git-remote.js";
import { type ResolvedRef, resolveRef } from "./resolve-ref.js";
import type { GitProgram } from "./run-git.js";
import { listSubmodules, type Submodule } from "./submodules.js";

/** What of a repository is wanted. */
export interface GitTarget {
  /** May hold credentials. */
  readonly remote: string;
  readonly ref: string | undefined;
  /** Empty for the whole tree. */
  readonly subdirectory: string;
  readonly keepGitDir: boolean;
  readonly submodules: boolean;
  /** The commit that must come out, or its first digits. */
  readonly checksum: string | undefined;
}

/** Where bare repositories are kept. */
export interface KeptRepository {
  /** A folder that may not exist yet. */
  readonly path: string;
  /** Runs `action` while nobody else changes the repository. */
  hold<T>(action: () => Promise<T>, options: { readonly signal: AbortSignal }): Promise<T>;
}

export interface GitCheckoutsOptions {
  /** @throws CONTEXT_FETCH when there is no git */
  readonly program: () => GitProgram;
  readonly repository: (remoteUrl: string, objectFormat: "sha1" | "sha256") => KeptRepository;
  /** An empty folder that somebody removes when the build has ended. */
  readonly createFolder: () => string;
  readonly secret: ReadSecret;
  /** Socket of the ssh agent for repositories that somebody named, if any. */
  readonly sshAgent: (namedBy: NamedBy) => string | undefined;
  /** The URL that a repository's server leads to. */
  readonly follow: (url: string) => Promise<string>;
  readonly signal: AbortSignal;
}

/** How deep submodules may hold submodules. */
const MAX_DEPTH = 16;
const CHECKSUM = /^[a-fA-F0-9]+$/;

/** Whose words name a repository decides whether the user's ssh keys are offered. */
export type NamedBy = "user" | "dockerfile";

/** A repository and by whose leave it is read. */
interface Source {
  readonly remote: GitRemote;
  readonly namedBy: NamedBy;
  /** Of submodules: the repository that was named. */
  readonly main?: GitRemote;
}

export class GitCheckouts {
  readonly #options: GitCheckoutsOptions;
  readonly #resolved = new Map<string, Promise<ResolvedRef>>();
  readonly #folders = new Map<string, Promise<string>>();
  /** Where repositories are whose servers lead elsewhere. */
  readonly #moved = new Map<string, GitRemote>();

  constructor(options: GitCheckoutsOptions) {
    this.#options = options;
  }

  /** The commit of `target`, which has its checksum. @throws CONTEXT_FETCH, CONTEXT_INVALID */
  async resolve(target: GitTarget, namedBy: NamedBy): Promise<ResolvedRef> {
    const { checksum } = target;
    if (checksum !== undefined && !CHECKSUM.test(checksum)) {
      throw problem(target, `invalid checksum ${checksum} for Git URL, expected hex commit hash`);
    }
    const key = JSON.stringify([namedBy, target.remote, target.ref ?? null]);
    let pending = this.#resolved.get(key);
    if (pending === undefined) {
      pending = this.#resolve(target, namedBy);
      this.#resolved.set(key, pending);
    }
    const resolved = await pending;
    const { object, commit } = resolved;
    if (checksum !== undefined && !object.startsWith(checksum) && !commit.startsWith(checksum)) {
      const got = object === commit ? commit : `${object} or ${commit}`;
      throw problem(target, `expected checksum to match ${checksum}, got ${got}`);
    }
    return resolved;
  }

  /**
   * The files of `target`: their owner is root, their modes 0644 or 0755.
   * @throws CONTEXT_FETCH, CONTEXT_INVALID
   */
  async tree(target: GitTarget, namedBy: NamedBy): Promise<FileTree> {
    const resolved = await this.resolve(target, namedBy);
    const withGitDir = target.keepGitDir && target.subdirectory === "";
    const what = [target.remote, resolved.object, resolved.ref ?? null, withGitDir, target.submodules];
    const key = JSON.stringify([namedBy, ...what]);
    let pending = this.#folders.get(key);
    if (pending === undefined) {
      pending = this.#checkOut(target, resolved, withGitDir, namedBy);
      this.#folders.set(key, pending);
    }
    const remote = parseRemote(target.remote);
    const folder = openSubdirectory(await pending, target.subdirectory, remote);
    return checkoutTree(dirTree(folder, { label: `the repository "${remote.url}"` }));
  }

  /** When the commit of `target` was made, seconds since 1970. @throws CONTEXT_FETCH, CONTEXT_INVALID */
  async time(target: GitTarget, namedBy: NamedBy): Promise<number> {
    const resolved = await this.resolve(target, namedBy);
    const remote = parseRemote(target.remote);
    return this.#fetch({ remote, namedBy }, resolved, (repository) =>
      commitTime({ ...this.#checkoutOptions(repository), remote, resolved }),
    );
  }

  async #resolve(target: GitTarget, namedBy: NamedBy): Promise<ResolvedRef> {
    const remote = parseRemote(target.remote);
    const { createFolder, program, signal } = this.#options;
    return this.#reach({ remote, namedBy }, (place, access) =>
      resolveRef(place, target.ref, { program: program(), access, cwd: createFolder(), signal }),
    );
  }

  async #checkOut(target: GitTarget, resolved: ResolvedRef, withGitDir: boolean, namedBy: NamedBy): Promise<string> {
    const remote = parseRemote(target.remote);
    const folder = this.#options.createFolder();
    const submodules = await this.#fetch({ remote, namedBy }, resolved, async (repository) => {
      const options: CheckoutOptions = { ...this.#checkoutOptions(repository), remote, resolved, folder };
      await (withGitDir ? checkOutWithGitDir(options) : checkOut(options));
      return target.submodules ? listSubmodules({ ...options, commit: resolved.commit }) : [];
    });
    await this.#addSubmodules(submodules, { remote, namedBy, main: remote }, folder, 1);
    return folder;
  }

  /** Adds the submodules of `parent`, whose files are in `root`. */
  async #addSubmodules(
    submodules: readonly Submodule[],
    parent: Source & { readonly main: GitRemote },
    root: string,
    depth: number,
  ): Promise<void> {
    if (submodules.length > 0 && depth > MAX_DEPTH) {
      throw new OcibuildError("LIMIT_EXCEEDED", `submodules of "${parent.main.url}" are more than ${MAX_DEPTH} deep`, {
        details: { limit: "submoduleDepth", value: MAX_DEPTH },
      });
    }
    for (const { path, remote, commit } of submodules) {
      const folder = openSubdirectory(root, path, parent.remote);
      const resolved: ResolvedRef = { ref: undefined, object: commit, commit };
      const source = { ...parent, remote };
      const further = await this.#fetch(source, resolved, async (repository) => {
        const options: CheckoutOptions = { ...this.#checkoutOptions(repository), remote, resolved, folder };
        await checkOut(options);
        return listSubmodules({ ...options, commit });
      });
      await this.#addSubmodules(further, source, folder, depth + 1);
    }
  }

  /** Runs `use` with the repository that holds the commit. */
  #fetch<T>(source: Source, resolved: ResolvedRef, use: (repository: string) => Promise<T>): Promise<T> {
    const { program, repository, signal } = this.#options;
    const kept = repository(source.remote.url, resolved.object.length === 64 ? "sha256" : "sha1");
    const action = async (): Promise<T> => {
      await this.#reach(source, (place, access) =>
        fetchCommit(kept.path, place, resolved, { program: program(), access, signal }),
      );
      return use(kept.path);
    };
    return kept.hold(action, { signal });
  }

  /** Runs `action` with where the repository is: there, or where its server leads. */
  async #reach<T>(source: Source, action: (place: GitRemote, access: GitAccess) => Promise<T>): Promise<T> {
    const { remote } = source;
    const moved = this.#moved.get(remote.url);
    try {
      return await action(moved ?? remote, await this.#access(source, moved));
    } catch (error) {
      if (moved !== undefined || !isRedirect(error)) throw error;
      const place = parseRemote(await this.#options.follow(remote.url));
      this.#moved.set(remote.url, place);
      return action(place, await this.#access(source, place));
    }
  }

  #access({ remote, namedBy, main }: Source, moved: GitRemote | undefined): Promise<GitAccess> {
    const { secret, sshAgent } = this.#options;
    const options = { secret, sshAgent: sshAgent(namedBy), withUserKeys: namedBy === "user" };
    if (moved === undefined) return gitAccess(remote, { ...options, main });
    // Within one origin a repository may move and keep its rights.
    const isSameOrigin = moved.scheme === remote.scheme && moved.host === remote.host;
    return gitAccess(isSameOrigin ? { ...moved, basic: remote.basic } : moved, {
      ...options,
      main: isSameOrigin ? main : (main ?? remote),
    });
  }

  #checkoutOptions(repository: string): Pick<CheckoutOptions, "program" | "repository" | "signal"> {
    const { program, signal } = this.#options;
    return { program: program(), repository, signal };
  }
}

function problem(target: GitTarget, message: string): OcibuildError<"CONTEXT_FETCH"> {
  const { url } = parseRemote(target.remote);
  return new OcibuildError("CONTEXT_FETCH", `${message} (of "${url}")`, {
    details: { url },
    hint: "The ref points elsewhere now, or the checksum is wrong.",
  });
}
