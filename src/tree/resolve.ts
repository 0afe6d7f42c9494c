/** Following symbolic links inside a tree, as if the tree were chrooted into. */
import { OcibuildError } from "../errors.js";
import { type ByteString, textOf } from "../util/bytes.js";
import type { FileTree } from "./file-tree.js";
import { joinPath, parentPath, ROOT } from "./paths.js";

/** As many as BuildKit follows for one path. */
const MAX_LINKS = 255;

export interface ResolveOptions {
  /** Whether a link in the last component is followed too (the default); those before it always are. */
  readonly followLast?: boolean;
}

/**
 * The path without links that `path` leads to. Never leaves the tree: absolute links start at its root and `..` stops
 * there. The result need not exist; what comes after a missing component is taken as it is written.
 * @throws TREE_LINK_LOOP for a cycle or more than 255 links
 */
export function resolveInTree(tree: FileTree, path: ByteString, options: ResolveOptions = {}): ByteString {
  let left = 0;
  let rest: string[] = path.split("/");
  let at: ByteString = ROOT;
  let links = 0;
  while (left < rest.length) {
    const name = rest[left++]!;
    if (name === "" || name === ".") continue;
    if (name === "..") {
      at = parentPath(at);
      continue;
    }
    const next = joinPath(at, name as ByteString);
    if (options.followLast === false && isLast(rest, left)) return next;
    const node = tree.lstat(next);
    if (node?.type !== "symlink") {
      at = next;
      continue;
    }
    if (++links > MAX_LINKS) throw linkLoop(tree, path);
    if (node.linkname.startsWith("/")) at = ROOT;
    rest = [...node.linkname.split("/"), ...rest.slice(left)];
    left = 0;
  }
  return at;
}

function isLast(components: readonly string[], from: number): boolean {
  for (let at = from; at < components.length; at++) {
    if (components[at] !== "" && components[at] !== ".") return false;
  }
  return true;
}

function linkLoop(tree: FileTree, path: ByteString): OcibuildError {
  return new OcibuildError(
    "TREE_LINK_LOOP",
    `${tree.describe(path)} leads through more than ${MAX_LINKS} symbolic links`,
    {
      details: { path: textOf(path) },
      hint: "The links probably form a loop: look where each of them points.",
    },
  );
}
