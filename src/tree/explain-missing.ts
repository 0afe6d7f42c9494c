/** Hints for paths that are not where somebody expected them. */
import { type ByteString, textOf } from "../util/bytes.js";
import type { FileTree } from "./file-tree.js";
import { baseName, joinPath, parentPath, ROOT } from "./paths.js";
import { hasWildcards } from "./pattern.js";
import { resolveInTree } from "./resolve.js";

/** More names than this are not compared: a hint is not worth the time. */
const MAX_NAMES = 2_000;

/**
 * Why `path` may be missing from `tree`, as a sentence without a full stop: the ignore rule that hides it or what it
 * leads to, or names that are spelled alike; `undefined` when there is nothing to say.
 */
export function explainMissing(tree: FileTree, path: ByteString): string | undefined {
  const explained = explainComponents(tree, path);
  if (explained !== undefined) return explained;
  const resolved = resolveInTree(tree, path);
  if (resolved !== path) {
    const behindLink = explainComponents(tree, resolved);
    if (behindLink !== undefined) return `"${textOf(path)}" leads to "${textOf(resolved)}", and ${behindLink}`;
  }
  if (hasWildcards(path)) return undefined;
  return nearMatch(tree, resolved);
}

/** What the tree says of the first component of `path` that is not there. */
function explainComponents(tree: FileTree, path: ByteString): string | undefined {
  for (let slash = path.indexOf("/"); slash !== -1; slash = path.indexOf("/", slash + 1)) {
    const above = path.slice(0, slash) as ByteString;
    if (tree.lstat(above) === undefined) return tree.explainAbsence(above);
  }
  return tree.lstat(path) === undefined ? tree.explainAbsence(path) : undefined;
}

function nearMatch(tree: FileTree, path: ByteString): string | undefined {
  let wanted = path;
  while (parentPath(wanted) !== ROOT && tree.lstat(parentPath(wanted)) === undefined) wanted = parentPath(wanted);
  const directory = parentPath(wanted);
  if (tree.lstat(directory)?.type !== "dir") return undefined;
  const name = baseName(wanted);
  const limit = Math.max(1, Math.floor(name.length / 3));
  let best: ByteString | undefined;
  let bestDistance = limit + 1;
  for (const candidate of tree.list(directory).slice(0, MAX_NAMES)) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase(), bestDistance);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best && `did you mean "${textOf(joinPath(directory, best))}"`;
}

/** Levenshtein's distance of `a` and `b`; `limit` when it is not below that. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let at = 0; at < a.length; at++) {
    const next = [at + 1];
    for (let index = 0; index < b.length; index++) {
      const change = row[index]! + (a[at] === b[index] ? 0 : 1);
      next.push(Math.min(change, row[index + 1]! + 1, next[index]! + 1));
    }
    if (Math.min(...next) >= limit) return limit;
    row = next;
  }
  return Math.min(limit, row[b.length]!);
}
