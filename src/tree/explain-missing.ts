/** Hints for paths that are not where somebody expected them. */

import { type ByteString, textOf } from "../util/bytes.js";
import { nearestName } from "../util/suggest.js";
import type { FileTree } from "./file-tree.js";
import { baseName, joinPath, parentPath, ROOT } from "./paths.js";
import { hasWildcards } from "./pattern.js";
import { resolveInTree } from "./resolve.js";

/** More names than this are not compared: a hint is not worth the time. */
const MAX_NAMES = 2_000;

/** Every shorter name is like every other. */
const MIN_NAME_LENGTH = 3;

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
  const name = textOf(baseName(wanted)).toLowerCase();
  if (name.length < MIN_NAME_LENGTH || tree.lstat(directory)?.type !== "dir") return undefined;
  const byLowerCase = new Map<string, ByteString>();
  for (const candidate of tree.list(directory).slice(0, MAX_NAMES)) {
    byLowerCase.set(textOf(candidate).toLowerCase(), candidate);
  }
  const near = byLowerCase.get(name) ?? byLowerCase.get(nearestName(name, byLowerCase.keys()) ?? "");
  return near && `did you mean "${textOf(joinPath(directory, near))}"`;
}
