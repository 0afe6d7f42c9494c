/**
 * A change to a file-system value in progress: starts as the value it edits and shares all it does not touch.
 * What has changed in the end is read off by `layerEntriesOf`.
 */
import type { ContentReader, FileTree, TreeNode } from "../../tree/file-tree.js";
import { baseName, parentPath } from "../../tree/paths.js";
import type { ByteString } from "../../util/bytes.js";
import type { Edition, FileContent, FsNode } from "./fs-node.js";
import { FsTree, findNode, namesIn } from "./fs-tree.js";

/** A directory node while its edit may still write to it. */
interface OwnDirectory extends FsNode {
  readonly children: Map<ByteString, FsNode>;
}

export class FsEdit implements FileTree {
  readonly base: FsTree;
  readonly edition: Edition = {};
  #root: OwnDirectory;
  // The directory that was written to last: files mostly come folder by folder.
  #lastPath: ByteString | undefined;
  #lastDirectory: OwnDirectory | undefined;

  constructor(base: FsTree) {
    this.base = base;
    this.#root = this.#own(base.root as OwnDirectory);
  }

  /** The edited root, to be compared with `base.root`. */
  get root(): FsNode {
    return this.#root;
  }

  find(path: ByteString): FsNode | undefined {
    return findNode(this.#root, path);
  }

  lstat(path: ByteString): TreeNode | undefined {
    return this.find(path)?.meta;
  }

  list(path: ByteString): readonly ByteString[] {
    return namesIn(this.find(path));
  }

  open(path: ByteString): ContentReader {
    return new FsTree(this.#root, this.base.label).open(path);
  }

  knownContentDigest(path: ByteString): Buffer | undefined {
    return this.find(path)?.content?.knownDigest();
  }

  rememberContentDigest(): void {}

  describe(path: ByteString): string {
    return this.base.describe(path);
  }

  explainAbsence(): undefined {
    return undefined;
  }

  /**
   * Puts a file, symlink or special file at `path`, whose parent must be a directory, in the place of whatever is
   * there. Returns the node: putting the same node at a second path makes a hard link.
   */
  put(path: ByteString, meta: TreeNode, content: FileContent | undefined): FsNode {
    const node: FsNode = { meta, content, children: undefined, edition: this.edition, changed: true };
    this.link(path, node);
    return node;
  }

  /** Gives `node` of this edit, whose metadata has an `inode`, another name. */
  link(path: ByteString, node: FsNode): void {
    this.#parentOf(path).children.set(baseName(path), node);
  }

  /** Makes a directory at `path`, or gives the one that is there other metadata. What it holds stays. */
  putDirectory(path: ByteString, meta: TreeNode): void {
    const existing = this.find(path);
    const children = existing?.children === undefined ? new Map<ByteString, FsNode>() : new Map(existing.children);
    const node = { meta, content: undefined, children, edition: this.edition, changed: true };
    if (path === "") this.#root = node;
    else this.#parentOf(path).children.set(baseName(path), node);
    this.#lastPath = undefined;
  }

  /** Removes `path` with all below it; nothing when it is not there. */
  remove(path: ByteString): void {
    if (this.find(path) === undefined) return;
    this.#parentOf(path).children.delete(baseName(path));
    this.#lastPath = undefined;
  }

  #parentOf(path: ByteString): OwnDirectory {
    const parent = parentPath(path);
    if (parent === this.#lastPath && this.#lastDirectory !== undefined) return this.#lastDirectory;
    const directory = this.#ownDirectory(parent);
    this.#lastPath = parent;
    this.#lastDirectory = directory;
    return directory;
  }

  /** The directory at `path`, copied on the way down where it still is shared. */
  #ownDirectory(path: ByteString): OwnDirectory {
    let directory = this.#root;
    if (path === "") return directory;
    for (const name of path.split("/") as ByteString[]) {
      const child = directory.children.get(name);
      if (child?.children === undefined) throw new Error(`no directory at ${path}: callers make parents first`);
      const own = this.#own(child as OwnDirectory);
      if (own !== child) directory.children.set(name, own);
      directory = own;
    }
    return directory;
  }

  #own(directory: OwnDirectory): OwnDirectory {
    if (directory.edition === this.edition) return directory;
    return { ...directory, children: new Map(directory.children), edition: this.edition, changed: false };
  }
}
