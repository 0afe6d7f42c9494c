/**
 * Narrowing a tree with the globs of JavaScript tools and `.gitignore` files, for contexts made in code. The only place
 * that uses fast-glob, minimatch and ignore; loaded when a context asks for it. See
 * docs/decisions/0003-which-matcher-where.md.
 */
import fastGlob from "fast-glob";
import ignore, { type Ignore } from "ignore";
import { Minimatch } from "minimatch";
import type { FileTree, TreeNode } from "../tree/file-tree.js";
import { baseName, joinPath, parentPath, ROOT } from "../tree/paths.js";
import { TreeView } from "../tree/tree-view.js";
import { walkTree } from "../tree/walk.js";
import { type ByteString, bytesOf, textOf } from "../util/bytes.js";
import type { FileSelection } from "./context-source.js";
import { readSmallFile } from "./read-small-file.js";

const MAX_GITIGNORE_BYTES = 8 * 1024 * 1024;

/** Whether a path is there: itself chosen (with all it holds), on the way to something chosen, or not. */
type Presence = "chosen" | "way" | "absent";

/**
 * `tree` with only what `selection` keeps: what `include` matches with everything below it and the directories that
 * lead there, without what `exclude` or a `.gitignore` takes away. Names with a leading dot are matched like others.
 * @param root the folder that `tree` is of, if it is one: `include` is then looked up there
 */
export function selectFiles(tree: FileTree, selection: FileSelection, root: string | undefined): FileTree {
  const { include, exclude = [], gitignore = false } = selection;
  const chosen = include === undefined ? undefined : chosenPaths(tree, include, root);
  const excluded = exclude.map((pattern) => new Minimatch(withoutTrailingSlash(pattern), { dot: true }));
  return new SelectedTree(tree, chosen, excluded, gitignore ? new GitIgnores(tree) : undefined);
}

class SelectedTree extends TreeView {
  readonly #chosen: ReadonlySet<ByteString> | undefined;
  readonly #ways = new Set<ByteString>();
  readonly #excluded: readonly Minimatch[];
  readonly #gitIgnores: GitIgnores | undefined;
  readonly #presence = new Map<ByteString, Presence>();

  constructor(
    tree: FileTree,
    chosen: ReadonlySet<ByteString> | undefined,
    excluded: readonly Minimatch[],
    gitIgnores: GitIgnores | undefined,
  ) {
    super(tree);
    this.#chosen = chosen;
    this.#excluded = excluded;
    this.#gitIgnores = gitIgnores;
    this.#presence.set(ROOT, chosen === undefined || chosen.has(ROOT) ? "chosen" : "way");
    for (const path of chosen ?? []) {
      for (let above = parentPath(path); above !== ROOT; above = parentPath(above)) this.#ways.add(above);
    }
  }

  override lstat(path: ByteString): TreeNode | undefined {
    if (this.#presenceOf(path) === "absent") return undefined;
    return this.tree.lstat(path);
  }

  override list(path: ByteString): readonly ByteString[] {
    if (this.#presenceOf(path) === "absent") return [];
    return this.tree.list(path).filter((name) => this.#presenceOf(joinPath(path, name)) !== "absent");
  }

  override explainAbsence(path: ByteString): string | undefined {
    if (this.tree.lstat(path) === undefined) return this.tree.explainAbsence(path);
    if (this.#presenceOf(path) !== "absent") return undefined;
    return `"${textOf(path)}" is not among the files that the context selects`;
  }

  #presenceOf(path: ByteString): Presence {
    const known = this.#presence.get(path);
    if (known !== undefined) return known;
    const presence = this.#decide(path);
    this.#presence.set(path, presence);
    return presence;
  }

  #decide(path: ByteString): Presence {
    const above = this.#presenceOf(parentPath(path));
    if (above === "absent") return "absent";
    const presence = above === "chosen" || this.#chosen?.has(path) ? "chosen" : this.#ways.has(path) ? "way" : "absent";
    if (presence === "absent") return presence;
    const text = textOf(path);
    if (this.#excluded.some((pattern) => pattern.match(text))) return "absent";
    if (this.#gitIgnores === undefined) return presence;
    return this.#gitIgnores.isIgnored(path, this.tree.lstat(path)?.type === "dir") ? "absent" : presence;
  }
}

/** The `.gitignore` files of a tree; those of deeper folders have the last word. */
class GitIgnores {
  readonly #tree: FileTree;
  readonly #files = new Map<ByteString, Ignore | undefined>();

  constructor(tree: FileTree) {
    this.#tree = tree;
  }

  /** Asked for each directory before what is in it, so that what is below an ignored one never comes here. */
  isIgnored(path: ByteString, isDirectory: boolean): boolean {
    if (baseName(path) === ".git") return true;
    for (let folder = parentPath(path); ; folder = parentPath(folder)) {
      const relative = folder === ROOT ? path : path.slice(folder.length + 1);
      const result = this.#fileIn(folder)?.test(textOf(relative as ByteString) + (isDirectory ? "/" : ""));
      if (result?.ignored || result?.unignored) return result.ignored;
      if (folder === ROOT) return false;
    }
  }

  #fileIn(folder: ByteString): Ignore | undefined {
    if (this.#files.has(folder)) return this.#files.get(folder);
    const path = joinPath(folder, GITIGNORE);
    const node = this.#tree.lstat(path);
    const text =
      node?.type === "file" ? readSmallFile(this.#tree, path, node, MAX_GITIGNORE_BYTES).toString() : undefined;
    const file = text === undefined ? undefined : ignore().add(text);
    this.#files.set(folder, file);
    return file;
  }
}

const GITIGNORE = ".gitignore" as ByteString;

function chosenPaths(tree: FileTree, include: readonly string[], root: string | undefined): ReadonlySet<ByteString> {
  const patterns = include.map(withoutTrailingSlash);
  if (root !== undefined) {
    const options = { cwd: root, dot: true, onlyFiles: false, followSymbolicLinks: false, unique: true };
    return new Set(fastGlob.sync(patterns, options).map(bytesOf));
  }
  const matchers = patterns.map((pattern) => new Minimatch(pattern, { dot: true }));
  const chosen = new Set<ByteString>();
  for (const { path } of walkTree(tree, ROOT)) {
    if (path !== ROOT && matchers.some((matcher) => matcher.match(textOf(path)))) chosen.add(path);
  }
  return chosen;
}

function withoutTrailingSlash(pattern: string): string {
  return pattern.replace(/^\.\//, "").replace(/\/+$/, "");
}
