/** Web servers and git repositories as one build sees them: what they need is loaded when the first of them is read. */
import type { Store } from "../cache/store.js";
import type { GitTarget, NamedBy } from "../context/git/git-checkouts.js";
import type { OnEvent } from "../events.js";
import type { GitFiles, RemoteFiles } from "../layers/run-context.js";
import type { Abortable } from "../oci/blobs.js";
import type { FileTree } from "../tree/file-tree.js";
import type { GitSources } from "./git-sources.js";
import type { NamedFile, WebFiles } from "./web-files.js";

export interface RemoteSourcesOptions {
  readonly store: Store;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly secret: (id: string) => Promise<Uint8Array | undefined>;
  /** Socket of the ssh agent that Dockerfiles may use (`--ssh default`). */
  readonly sshAgent: string | undefined;
  readonly onEvent: OnEvent;
  readonly nowMs: () => number;
}

export class RemoteSources implements AsyncDisposable {
  readonly #options: RemoteSourcesOptions;
  readonly #contextFolders: string[] = [];
  #web: Promise<WebFiles> | undefined;
  #git: Promise<GitSources> | undefined;

  constructor(options: RemoteSourcesOptions) {
    this.#options = options;
  }

  /** What ADD names by URL. */
  readonly files: RemoteFiles = {
    digest: async (url, checksum, options) => (await this.#openWeb()).digest(url, checksum, options),
    file: (url, checksum, options) => this.fetch(url, checksum, options),
  };

  /** Repositories that a Dockerfile names. */
  readonly git: GitFiles = {
    digest: async (source, options) => (await this.#openGit()).digest(source, "dockerfile", options),
    tree: (source, options) => this.gitTree(source, "dockerfile", options),
  };

  /** The file at `url`. @throws CONTEXT_FETCH, BLOB_DIGEST_MISMATCH */
  async fetch(url: string, checksum: string | undefined, options: Abortable): Promise<NamedFile> {
    return (await this.#openWeb()).file(url, checksum, options);
  }

  /** The files of a repository, readable until this is disposed of. @throws CONTEXT_FETCH, CONTEXT_INVALID */
  async gitTree(target: GitTarget, namedBy: NamedBy, options: Abortable): Promise<FileTree> {
    return (await this.#openGit()).tree(target, namedBy, options);
  }

  /** When the commit of `target` was made, seconds since 1970. @throws as `gitTree` */
  async gitTime(target: GitTarget, namedBy: NamedBy, options: Abortable): Promise<number> {
    return (await this.#openGit()).time(target, namedBy, options);
  }

  /** Programs in this folder are not run (P2). */
  addContextFolder(path: string): void {
    this.#contextFolders.push(path);
  }

  /** Ends what is under way and waits for it. */
  async [Symbol.asyncDispose](): Promise<void> {
    const [web, git] = [this.#web, this.#git];
    await (await web)?.[Symbol.asyncDispose]();
    await (await git)?.[Symbol.asyncDispose]();
  }

  #openWeb(): Promise<WebFiles> {
    this.#web ??= Promise.all([import("./web-files.js"), import("../http/proxy.js")]).then(
      ([{ WebFiles }, { proxiesOf }]) =>
        new WebFiles({ ...this.#options, transport: { proxy: proxiesOf(this.#options.env) } }),
    );
    return this.#web;
  }

  #openGit(): Promise<GitSources> {
    const contextFolders = (): readonly string[] => this.#contextFolders;
    this.#git ??= import("./git-sources.js").then(
      ({ GitSources }) => new GitSources({ ...this.#options, contextFolders }),
    );
    return this.#git;
  }
}
