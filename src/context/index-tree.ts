/** A tree whose nodes are all known beforehand: the common part of memory and tar contexts. */
import { OcibuildError } from "../errors.js";
import type { ContentReader, FileTree, TreeNode } from "../tree/file-tree.js";
import { baseName, joinPath, parentPath, ROOT } from "../tree/paths.js";
import { resolveInTree } from "../tree/resolve.js";
import { type ByteString, textOf } from "../util/bytes.js";

const NO_NAMES: readonly ByteString[] = [];

/** One path of an index; paths that are one file share `content`. */
interface IndexEntry<C> {
  node: TreeNode;
  content: C | undefined;
  /** Of directories: the names in it, in the order they came. */
  readonly names: Set<ByteString> | undefined;
  sorted: readonly ByteString[] | undefined;
}

/** @typeParam C where the bytes of a file are */
export class IndexTree<C extends object> implements FileTree {
  readonly #label: string;
  readonly #openContent: (content: C, path: ByteString) => ContentReader;
  readonly #entries = new Map<ByteString, IndexEntry<C>>();
  readonly #digests = new WeakMap<C, Buffer>();
  #linkCount = 0;

  constructor(label: string, openContent: (content: C, path: ByteString) => ContentReader) {
    this.#label = label;
    this.#openContent = openContent;
    this.#entries.set(ROOT, entryOf<C>(directoryNode(), undefined));
  }

  lstat(path: ByteString): TreeNode | undefined {
    return this.#entries.get(path)?.node;
  }

  list(path: ByteString): readonly ByteString[] {
    const entry = this.#entries.get(path);
    if (entry?.names === undefined) return NO_NAMES;
    entry.sorted ??= [...entry.names].sort();
    return entry.sorted;
  }

  open(path: ByteString, node: TreeNode): ContentReader {
    const content = this.#entries.get(path)?.content;
    if (content !== undefined) return this.#openContent(content, path);
    throw new OcibuildError(
      "CONTEXT_UNSUPPORTED_FILE",
      `expected ${this.describe(path)} to be a file, but got a ${node.type}`,
      {
        details: { path: textOf(path), type: node.type },
      },
    );
  }

  knownContentDigest(path: ByteString): Buffer | undefined {
    const content = this.#entries.get(path)?.content;
    return content && this.#digests.get(content);
  }

  rememberContentDigest(path: ByteString, _node: TreeNode, sha256: Buffer): void {
    const content = this.#entries.get(path)?.content;
    if (content !== undefined) this.#digests.set(content, sha256);
  }

  describe(path: ByteString): string {
    return `"${textOf(path) || "."}" in ${this.#label}`;
  }

  explainAbsence(): undefined {
    return undefined;
  }

  /**
   * Puts `node` at `path` in place of what is there; a directory keeps what it holds. Links above `path` are followed
   * within the tree, as when an archive is unpacked, and directories that are missing are made.
   * @throws CONTEXT_INVALID when something above `path` is no directory
   */
  put(path: ByteString, node: TreeNode, content: C | undefined): void {
    const at = this.#place(path);
    const existing = this.#entries.get(at);
    if (existing?.names !== undefined && node.type === "dir") {
      existing.node = node;
      return;
    }
    if (at === ROOT) throw this.#notADirectory(path);
    if (existing?.names !== undefined) this.#removeBelow(at, existing.names);
    this.#entries.set(at, entryOf(node, content));
  }

  /**
   * Makes `path` another name of the file `target` (of what else is there: a copy of it).
   * @throws CONTEXT_INVALID when there is nothing, or a directory
   */
  link(path: ByteString, target: ByteString): void {
    const first = this.#entries.get(resolveInTree(this, target, { followLast: false }));
    if (first === undefined || first.node.type === "dir") {
      throw new OcibuildError(
        "CONTEXT_INVALID",
        `${this.describe(path)} is a hard link to "${textOf(target)}", which is no file`,
        {
          details: { path: textOf(path) },
        },
      );
    }
    if (first.node.type === "file" && first.node.inode === undefined)
      first.node = { ...first.node, inode: `link ${++this.#linkCount}` };
    this.put(path, first.node, first.content);
  }

  /** Where `path` is when links above it are followed; its parent is a directory then and has its name. */
  #place(path: ByteString): ByteString {
    if (path === ROOT) return path;
    const parent = this.#makeDirectory(parentPath(path));
    const names = this.#entries.get(parent)?.names;
    if (names === undefined) throw this.#notADirectory(path);
    const entry = this.#entries.get(parent)!;
    const name = baseName(path);
    if (!names.has(name)) {
      names.add(name);
      entry.sorted = undefined;
    }
    return joinPath(parent, name);
  }

  #makeDirectory(path: ByteString): ByteString {
    if (this.#entries.get(path)?.names !== undefined) return path;
    const at = resolveInTree(this, path);
    if (this.#entries.has(at)) return at;
    // A loop, not recursion: archives can be thousands of folders deep.
    const components = at.split("/") as ByteString[];
    let made: ByteString = ROOT;
    for (const name of components) {
      const parent = this.#entries.get(made);
      if (parent?.names === undefined) throw this.#notADirectory(at);
      made = joinPath(made, name);
      if (this.#entries.has(made)) continue;
      parent.names.add(name);
      parent.sorted = undefined;
      this.#entries.set(made, entryOf<C>(directoryNode(), undefined));
    }
    return at;
  }

  #removeBelow(path: ByteString, names: ReadonlySet<ByteString>): void {
    const rest: [ByteString, ReadonlySet<ByteString>][] = [[path, names]];
    for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
      for (const name of next[1]) {
        const child = joinPath(next[0], name);
        const below = this.#entries.get(child)?.names;
        if (below !== undefined) rest.push([child, below]);
        this.#entries.delete(child);
      }
    }
  }

  #notADirectory(path: ByteString): OcibuildError<"CONTEXT_INVALID"> {
    return new OcibuildError("CONTEXT_INVALID", `${this.describe(path)} is below something that is no directory`, {
      details: { path: textOf(path) },
    });
  }
}

function entryOf<C>(node: TreeNode, content: C | undefined): IndexEntry<C> {
  return { node, content, names: node.type === "dir" ? new Set() : undefined, sorted: undefined };
}

function directoryNode(): TreeNode {
  return { ...EMPTY_NODE, type: "dir", mode: 0o755 };
}

/** A node with nothing in it, to be copied and changed. */
export const EMPTY_NODE: TreeNode = {
  type: "file",
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtimeSeconds: 0,
  mtimeNanos: 0,
  linkname: "" as ByteString,
  devMajor: 0,
  devMinor: 0,
  xattrs: undefined,
  inode: undefined,
};
