/**
 * What the sources of COPY and ADD name in a tree: literal paths, wildcards, and the patterns of `--parents`. As in
 * BuildKit, links are followed before the first wildcard and at the end of a match, inside the tree's root (threat C7).
 */
import { type ByteString, bytesOf } from "../util/bytes.js";
import type { FileTree, TreeNode } from "./file-tree.js";
import { type IgnoreMatcher, matcherForBytes } from "./ignore-matcher.js";
import { compileIgnorePattern } from "./ignore-pattern.js";
import { joinPath, ROOT, treePath } from "./paths.js";
import { compilePattern, hasWildcards, type Pattern } from "./pattern.js";
import { resolveInTree } from "./resolve.js";
import { walkTree } from "./walk.js";

export interface SourceMatch {
  /** As the source names it: its last component is the name that the copy gets. */
  readonly path: ByteString;
  /** Where `path` leads when links are followed: what is copied. */
  readonly resolved: ByteString;
  /** The node at `resolved`; never a link. */
  readonly node: TreeNode;
}

export interface ExpandedSource {
  /** In the order in which they are copied: names bytewise, folder by folder. Empty for a wildcard without a match. */
  readonly matches: readonly SourceMatch[];
  /** A path that had to be there and is not; then `matches` is empty and the instruction fails. */
  readonly missing: ByteString | undefined;
}

export interface ExpandOptions {
  /**
   * The tree is a build context. BuildKit's client sends only what the source matches as an ignore pattern too, and so
   * nothing for `a[*]b`; a folder in which a wildcard finds nothing is not sent either, and its absence is an error.
   */
  readonly isContext?: boolean;
}

/**
 * Expands one source of COPY or ADD.
 * @param source as in the plan: any mixture of slashes, `.` and `..`; `/` is the tree's root
 * @throws TREE_PATTERN_INVALID, TREE_LINK_LOOP
 */
export function expandSource(tree: FileTree, source: string, options: ExpandOptions = {}): ExpandedSource {
  const path = treePath(bytesOf(source));
  const isContext = options.isContext === true;
  if (!hasWildcards(path)) {
    const match = followMatch(tree, path);
    const isSent = !isContext || path === ROOT || compileIgnorePattern(path).matches(path);
    return match !== undefined && isSent ? { matches: [match], missing: undefined } : failed(path);
  }
  const { literal, pattern } = splitAtWildcard(path);
  const compiled = compilePattern(pattern);
  const base = resolveInTree(tree, literal);
  if (literal !== ROOT && tree.lstat(base) === undefined) return failed(literal);
  const sent = isContext ? compileIgnorePattern(pattern) : undefined;
  const matches: SourceMatch[] = [];
  for (const relative of namesMatching(tree, base, compiled)) {
    if (sent?.matches(relative) === false) continue;
    const path = joinPath(base, relative);
    const match = followMatch(tree, path);
    if (match === undefined) return failed(path);
    matches.push(match);
  }
  return matches.length === 0 && isContext && literal !== ROOT ? failed(path) : { matches, missing: undefined };
}

export interface ExpandedParents extends ExpandedSource {
  /** What to take below each match; patterns count from the match. */
  readonly include: IgnoreMatcher;
}

/**
 * Expands one source of `COPY --parents`: what is before `/./` are folders (wildcards allowed), whose content is then
 * chosen by what is after it, a pattern in the language of ignore files (`**` crosses folders).
 * @throws TREE_PATTERN_INVALID, TREE_LINK_LOOP
 */
export function expandParentsSource(
  tree: FileTree,
  source: string,
  options: ExpandOptions & { readonly exclude?: IgnoreMatcher | undefined } = {},
): ExpandedParents {
  const pivot = source.indexOf("/./");
  const pattern = treePath(bytesOf(pivot === -1 ? source : source.slice(pivot + 3)));
  const folder = pivot === -1 ? "" : source.slice(0, pivot);
  const include = matcherForBytes(pattern);
  const expanded = expandSource(tree, folder, { isContext: false });
  if (expanded.missing !== undefined) return { ...expanded, include };
  if (hasWildcards(bytesOf(folder)) || hasWildcards(pattern)) return { ...expanded, include };
  const [base] = expanded.matches;
  const walk = { include, exclude: options.exclude };
  for (const entry of walkTree(tree, base!.resolved, walk)) {
    if (entry.relative !== ROOT) return { ...expanded, include };
  }
  return { ...failed(joinPath(base!.path, pattern)), include };
}

function failed(path: ByteString): ExpandedSource {
  return { matches: [], missing: path };
}

function followMatch(tree: FileTree, path: ByteString): SourceMatch | undefined {
  const resolved = resolveInTree(tree, path);
  const node = tree.lstat(resolved);
  return node && { path, resolved, node };
}

/** Splits before the first component that has a wildcard. */
function splitAtWildcard(path: ByteString): { literal: ByteString; pattern: ByteString } {
  const components = path.split("/") as ByteString[];
  const first = components.findIndex(hasWildcards);
  return {
    literal: components.slice(0, first).join("/") as ByteString,
    pattern: components.slice(first).join("/") as ByteString,
  };
}

/** Paths below `base` that match, relative to it. Links on the way are not followed. */
function* namesMatching(tree: FileTree, base: ByteString, pattern: Pattern): Generator<ByteString, void, void> {
  if (tree.lstat(base)?.type !== "dir") return;
  const components = pattern.source.split("/") as ByteString[];
  // A class can match a slash. Then components say nothing, and every path of a possible depth is tried as a whole.
  const steps = pattern.looseSlashes === 0 ? components.map(compilePattern) : undefined;
  const depth = components.length + pattern.looseSlashes;
  yield* matchesBelow(tree, base, ROOT, 0);

  function* matchesBelow(
    tree: FileTree,
    directory: ByteString,
    relative: ByteString,
    level: number,
  ): Generator<ByteString, void, void> {
    for (const name of tree.list(directory)) {
      if (steps?.[level]?.matches(name) === false) continue;
      const path = joinPath(relative, name);
      if (steps === undefined ? pattern.matches(path) : level === depth - 1) {
        yield path;
      } else if (level + 1 < depth) {
        const below = joinPath(directory, name);
        if (tree.lstat(below)?.type === "dir") yield* matchesBelow(tree, below, path, level + 1);
      }
    }
  }
}
