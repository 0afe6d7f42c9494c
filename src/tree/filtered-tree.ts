/**
 * A tree without what an ignore list matches. What is ignored does not exist for anybody who reads through it: not when
 * it is named, not in a listing, and not at the end of a symbolic link (threat C7). It is not touched either (C9).
 */
import { type ByteString, textOf } from "../util/bytes.js";
import type { FileTree, TreeNode } from "./file-tree.js";
import { type DirectoryState, type IgnoreMatcher, ROOT_STATE } from "./ignore-matcher.js";
import { baseName, joinPath, parentPath, ROOT } from "./paths.js";
import { TreeView } from "./tree-view.js";

/** What the filter knows of one directory. */
interface Directory {
  readonly state: DirectoryState;
  /** Names that are there; filled by `list`. */
  names: readonly ByteString[] | undefined;
}

/**
 * `tree` without what `matcher` matches.
 * @param listName how errors call the list, for example `.dockerignore`
 */
export function filteredTree(tree: FileTree, matcher: IgnoreMatcher, listName: string): FileTree {
  return matcher.isEmpty ? tree : new FilteredTree(tree, matcher, listName);
}

class FilteredTree extends TreeView {
  readonly #matcher: IgnoreMatcher;
  readonly #listName: string;
  readonly #directories = new Map<ByteString, Directory>([[ROOT, { state: ROOT_STATE, names: undefined }]]);
  /** The directory that was asked for last: walks ask for its entries one after the other. */
  #last: { readonly path: ByteString; readonly directory: Directory } | undefined;

  constructor(tree: FileTree, matcher: IgnoreMatcher, listName: string) {
    super(tree);
    this.#matcher = matcher;
    this.#listName = listName;
  }

  override lstat(path: ByteString): TreeNode | undefined {
    if (path === ROOT) return this.tree.lstat(path);
    const parent = this.#directory(parentPath(path));
    if (parent === undefined) return undefined;
    if (parent.names !== undefined && hasName(parent.names, baseName(path))) return this.tree.lstat(path);
    if (!this.#matcher.isMatched(path, parent.state)) return this.tree.lstat(path);
    return this.#isKeptForSomethingBelow(path) ? this.tree.lstat(path) : undefined;
  }

  override list(path: ByteString): readonly ByteString[] {
    const directory = this.#directory(path);
    if (directory === undefined) return [];
    directory.names ??= this.tree.list(path).filter((name) => {
      const child = joinPath(path, name);
      return !this.#matcher.isMatched(child, directory.state) || this.#isKeptForSomethingBelow(child);
    });
    return directory.names;
  }

  override explainAbsence(path: ByteString): string | undefined {
    const { matched, rule } = this.#matcher.decide(path);
    if (!matched || rule === undefined) return this.tree.explainAbsence(path);
    const where = rule.line === 0 ? this.#listName : `${this.#listName} line ${rule.line}`;
    return `"${textOf(path)}" is excluded by ${where} ("${rule.text}")`;
  }

  /** The state of the directory `path`; `undefined` when it, or one above it, is ignored with all that it holds. */
  #directory(path: ByteString): Directory | undefined {
    if (this.#last?.path === path) return this.#last.directory;
    const directory = this.#directories.get(path) ?? this.#enter(path);
    if (directory !== undefined) this.#last = { path, directory };
    return directory;
  }

  #enter(path: ByteString): Directory | undefined {
    const parent = this.#directory(parentPath(path));
    if (parent === undefined) return undefined;
    const state = this.#matcher.enter(path, parent.state);
    if (state.matched && !this.#matcher.canUnmatchBelow(path)) return undefined;
    const directory: Directory = { state, names: undefined };
    this.#directories.set(path, directory);
    return directory;
  }

  /** Whether the ignored `path` is a directory with something in it that an exception takes back. */
  #isKeptForSomethingBelow(path: ByteString): boolean {
    if (!this.#matcher.canUnmatchBelow(path) || this.tree.lstat(path)?.type !== "dir") return false;
    return this.list(path).length > 0;
  }
}

/** Whether sorted `names` has `name`. Walks ask for each name that was listed: that costs no second match. */
function hasName(names: readonly ByteString[], name: ByteString): boolean {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (names[middle]! < name) low = middle + 1;
    else high = middle;
  }
  return names[low] === name;
}
