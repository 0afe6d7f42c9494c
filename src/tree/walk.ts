/**
 * Walking a tree in the one order that layers have: a directory before what is in it, names bytewise. The same tree
 * gives the same entries in the same order on every machine.
 */
import type { ByteString } from "../util/bytes.js";
import type { FileTree, TreeNode } from "./file-tree.js";
import { type DirectoryState, type IgnoreMatcher, ROOT_STATE } from "./ignore-matcher.js";
import { joinPath, ROOT } from "./paths.js";

export interface WalkEntry {
  /** In the tree. */
  readonly path: ByteString;
  /** Below the path where the walk started; empty for that path itself. */
  readonly relative: ByteString;
  readonly node: TreeNode;
  /** True for a directory that no pattern chooses: it is there only because something in it is. */
  readonly isOnTheWay: boolean;
}

export interface WalkOptions {
  /** Only what is matched, with the directories that lead there. The start is always there. */
  readonly include?: IgnoreMatcher | undefined;
  /** Without what is matched; a directory stays when something in it is taken back. The start is always there. */
  readonly exclude?: IgnoreMatcher | undefined;
}

/** A directory on the way from the start to where the walk is. */
interface Frame {
  readonly entry: WalkEntry;
  readonly names: readonly ByteString[];
  next: number;
  readonly included: DirectoryState;
  readonly excluded: DirectoryState;
  /** False while only something below can bring the directory in. */
  isYielded: boolean;
}

/**
 * The entry at `start` (nothing when it does not exist) and all below it. Links are not followed. Patterns are matched
 * against `relative`, with the meaning of BuildKit's `--parents` and `--exclude`.
 * @throws CONTEXT_UNREADABLE, CONTEXT_CHANGED from trees over the file system
 */
export function* walkTree(
  tree: FileTree,
  start: ByteString,
  options: WalkOptions = {},
): Generator<WalkEntry, void, void> {
  const root = tree.lstat(start);
  if (root === undefined) return;
  const first: WalkEntry = { path: start, relative: ROOT, node: root, isOnTheWay: false };
  yield first;
  if (root.type !== "dir") return;
  const include = options.include;
  const exclude = options.exclude?.isEmpty ? undefined : options.exclude;
  const stack: Frame[] = [frameOf(tree, first, ROOT_STATE, ROOT_STATE, true)];
  while (stack.length > 0) {
    const frame = stack[stack.length - 1]!;
    const name = frame.names[frame.next++];
    if (name === undefined) {
      stack.pop();
      continue;
    }
    const relative = joinPath(frame.entry.relative, name);
    const isIncluded = include === undefined || include.isMatched(relative, frame.included);
    const isExcluded = exclude?.isMatched(relative, frame.excluded) === true;
    // What cannot come in, neither itself nor by something below it, is not even looked at: it may be unreadable.
    if (isExcluded && !exclude?.canUnmatchBelow(relative)) continue;
    if (!isIncluded && !include?.canMatchBelow(relative)) continue;
    const path = joinPath(frame.entry.path, name);
    const node = tree.lstat(path);
    if (node === undefined) continue;
    const isWanted = isIncluded && !isExcluded;
    const entry: WalkEntry = { path, relative, node, isOnTheWay: !isWanted };
    if (isWanted) {
      for (const above of stack) {
        if (above.isYielded) continue;
        above.isYielded = true;
        yield above.entry;
      }
      yield entry;
    }
    if (node.type !== "dir") continue;
    const included = include === undefined ? ROOT_STATE : include.enter(relative, frame.included);
    const excluded = exclude === undefined ? ROOT_STATE : exclude.enter(relative, frame.excluded);
    stack.push(frameOf(tree, entry, included, excluded, isWanted));
  }
}

function frameOf(
  tree: FileTree,
  entry: WalkEntry,
  included: DirectoryState,
  excluded: DirectoryState,
  isYielded: boolean,
): Frame {
  return { entry, names: tree.list(entry.path), next: 0, included, excluded, isYielded };
}
