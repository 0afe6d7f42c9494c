/** What opening a build context is told, and how it reaches contexts that are elsewhere. */
import type { Readable } from "node:stream";
import type { FileTree } from "../tree/file-tree.js";
import type { GitTarget } from "./git/git-checkouts.js";
import type { StatCache } from "./stat-cache.js";

/** A file that came from a web server. */
export interface RemoteFile {
  /** On local disk while the build runs. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly mtimeSeconds: number;
  /** The name that its server proposed. */
  readonly proposedName: string | undefined;
}

/** Reads what is not on this machine. */
export interface RemoteReader {
  fetch(url: string): Promise<RemoteFile>;
  gitTree(target: GitTarget): Promise<FileTree>;
}

export interface OpenContextOptions {
  /** Relative paths count from here. */
  readonly cwd: string;
  /** An existing folder where an archive may lie while the context is open. */
  readonly tempDir: string;
  /**
   * `--file`: `-` for standard input, or a URL; for a folder a path of this machine, for other contexts a path in the
   * context. Without it the `Dockerfile` at the context's root.
   */
  readonly file?: string | undefined;
  /** The Dockerfile's text itself; nothing is looked for then. */
  readonly dockerfile?: string | undefined;
  readonly stdin?: Readable | undefined;
  /** Without it there are no contexts and Dockerfiles from web servers and repositories. */
  readonly remote?: RemoteReader | undefined;
  /** Whether a git context keeps its `.git` folder, whatever its URL says. */
  readonly keepGitDir?: boolean | undefined;
  /** The context is a named one: a single file is not taken for a Dockerfile or an archive. */
  readonly isNamed?: boolean | undefined;
  /** Permission bits of files: as they are (`keep`, unless given), or as git has them. */
  readonly modes?: "keep" | "git" | undefined;
  readonly statCache?: StatCache | undefined;
  /** Most bytes of an uncompressed archive; 64 GiB without it. */
  readonly archiveLimitBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}
