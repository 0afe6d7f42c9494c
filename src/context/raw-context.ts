/** A build context of any kind as a tree, before the ignore file is applied. */
import type { FileTree } from "../tree/file-tree.js";
import type { GitTarget } from "./git/git-checkouts.js";

export interface RawContext {
  readonly tree: FileTree;
  /** The folder, with links resolved, for contexts that are one. */
  readonly root: string | undefined;
  /** Archives and remote contexts are taken as they are: BuildKit reads no ignore file in them. */
  readonly readsIgnoreFile: boolean;
  readonly close: () => void;
  /** When the Dockerfile came in place of the context. */
  readonly dockerfile?: string;
  /** A file of the tree that is the Dockerfile, whatever `--file` says. */
  readonly dockerfilePath?: string;
  /** What a git context is. */
  readonly git?: GitTarget;
  /** Whether `--file` may name a file of this machine by its absolute path. */
  readonly isRemote?: boolean;
}
