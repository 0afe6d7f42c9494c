/** The build contexts of one build: opened once, with what the store remembers of their files. */
import { realpathSync } from "node:fs";
import { resolve } from "node:path";
import type { Readable } from "node:stream";
import { contextId } from "../cache/key.js";
import type { Store } from "../cache/store.js";
import { type ContextSource, dir, parseContextSource } from "../context/context-source.js";
import { type OpenedContext, openContext } from "../context/open-context.js";
import type { OpenContextOptions } from "../context/open-context-options.js";
import { openStatCache, type StatCache } from "../context/stat-cache.js";
import type { FileSource } from "../plan/file-source.js";
import type { NamedContext } from "../plan/named-contexts.js";
import type { FileTree } from "../tree/file-tree.js";
import { localImageScheme } from "./local-images.js";
import type { RemoteSources } from "./remote-sources.js";

export interface ContextsOptions {
  readonly store: Store;
  readonly cwd: string;
  /** Asked for only when something is read from it: touching the process's own has effects. */
  readonly stdin: () => Readable;
  /** When the build began, milliseconds since 1970. */
  readonly startedMs: number;
  readonly remote: RemoteSources;
  /** Permission bits of files: as they are, or as git has them. */
  readonly modes: "keep" | "git";
  readonly signal: AbortSignal;
}

export interface MainContextOptions {
  readonly context: string | ContextSource;
  readonly file: string | undefined;
  readonly dockerfile: string | undefined;
  /** Whether a git context keeps its `.git` folder, whatever its URL says. */
  readonly keepGitDir: boolean;
}

export class Contexts implements AsyncDisposable {
  readonly #options: ContextsOptions;
  readonly #statCaches = new Map<string, StatCache>();
  readonly #opened: OpenedContext[] = [];
  readonly #named = new Map<string, ContextSource>();
  readonly #trees = new Map<string, Promise<FileTree>>();

  constructor(options: ContextsOptions) {
    this.#options = options;
  }

  /** Opens the context that COPY without `--from` reads. @throws CONTEXT_…, DOCKERFILE_… */
  async openMain(main: MainContextOptions): Promise<OpenedContext> {
    const source = typeof main.context === "string" ? parseContextSource(main.context) : main.context;
    const { file, dockerfile, keepGitDir } = main;
    return this.#open(source, { file, dockerfile, keepGitDir });
  }

  /** Makes a named context known and tells the plan what it is; files are opened when a step reads them. */
  addNamed(name: string, value: string | ContextSource): NamedContext {
    if (typeof value === "string") {
      const image = /^docker-image:\/\/(.+)$/s.exec(value)?.[1];
      if (image !== undefined) return { kind: "image", reference: image };
      const scheme = localImageScheme(value);
      if (scheme !== undefined) {
        const path = resolve(this.#options.cwd, value.slice(scheme.length));
        return { kind: "layout", reference: `${scheme}${path}` };
      }
    }
    this.#named.set(name, typeof value === "string" ? parseContextSource(value) : value);
    return { kind: "files" };
  }

  /** The tree of a source; `main` is the tree of the main context. */
  tree(source: FileSource & { readonly kind: "context" | "named-context" }, main: FileTree): Promise<FileTree> {
    if (source.kind === "context") return Promise.resolve(main);
    let tree = this.#trees.get(source.name);
    if (tree === undefined) {
      const named = this.#named.get(source.name) ?? dir(source.name);
      // A named context has no Dockerfile; an empty one keeps it from being looked for.
      tree = this.#open(named, { dockerfile: "", isNamed: true }).then((opened) => opened.tree);
      this.#trees.set(source.name, tree);
    }
    return tree;
  }

  /** Keeps what was learnt of the files for the next build. */
  saveStats(): void {
    for (const [id, cache] of this.#statCaches) {
      const bytes = cache.encode();
      if (bytes !== undefined) this.#options.store.stats.save(id, bytes);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const opened of this.#opened) await opened.close();
  }

  async #open(
    source: ContextSource,
    how: Pick<OpenContextOptions, "file" | "dockerfile" | "keepGitDir" | "isNamed">,
  ): Promise<OpenedContext> {
    const { store, cwd, stdin, remote, modes, signal } = this.#options;
    const opened = await openContext(source, {
      ...how,
      modes,
      cwd,
      ...(source.kind === "stdin" || how.file === "-" ? { stdin: stdin() } : {}),
      remote: {
        fetch: (url) => remote.fetch(url, undefined, { signal }),
        gitTree: (target) => remote.gitTree(target, "user", { signal }),
      },
      signal,
      tempDir: store.tempDir(),
      statCache: source.kind === "dir" ? this.#statCache(resolve(cwd, source.path)) : undefined,
    });
    this.#opened.push(opened);
    if (opened.root !== undefined) remote.addContextFolder(opened.root);
    return opened;
  }

  #statCache(path: string): StatCache | undefined {
    let id: string;
    try {
      id = contextId(realpathSync(path));
    } catch {
      // Opening it will say what is wrong.
      return undefined;
    }
    let cache = this.#statCaches.get(id);
    if (cache === undefined) {
      cache = openStatCache(this.#options.store.stats.load(id), this.#options.startedMs);
      this.#statCaches.set(id, cache);
    }
    return cache;
  }
}
