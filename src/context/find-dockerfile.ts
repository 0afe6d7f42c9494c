/** Finding and reading the Dockerfile in a tree. */
import { posix } from "node:path";
import { OcibuildError } from "../errors.js";
import { explainMissing } from "../tree/explain-missing.js";
import type { FileTree, TreeNode } from "../tree/file-tree.js";
import { joinPath, ROOT, treePath } from "../tree/paths.js";
import { resolveInTree } from "../tree/resolve.js";
import { type ByteString, bytesOf, textOf } from "../util/bytes.js";
import { readSmallFile } from "./read-small-file.js";

/** The name of the Dockerfile when none is given. */
export const DEFAULT_DOCKERFILE = "Dockerfile";

/** More names than this are not looked at for a hint. */
const MAX_NAMES = 200;

/** Threat C1. */
const MAX_DOCKERFILE_BYTES = 8 * 1024 * 1024;

export interface DockerfileText {
  /** As the user knows it. */
  readonly name: string;
  /** Where it is in its tree; `undefined` when it came from standard input or from code. */
  readonly path: string | undefined;
  readonly text: string;
}

/**
 * The path of the Dockerfile: `path`, or `dockerfile` in its place when it is called `Dockerfile` and only that exists.
 */
export function findDockerfile(tree: FileTree, path: string): string {
  if (posix.basename(path) !== DEFAULT_DOCKERFILE || lookUp(tree, path) !== undefined) return path;
  const lower = posix.join(posix.dirname(path), DEFAULT_DOCKERFILE.toLowerCase());
  return lookUp(tree, lower) === undefined ? path : lower;
}

/**
 * Reads the Dockerfile `path` of `tree`, through links within the tree.
 * @throws DOCKERFILE_NOT_FOUND, DOCKERFILE_TOO_LARGE, CONTEXT_UNREADABLE, CONTEXT_CHANGED
 */
export function readDockerfile(tree: FileTree, path: string, name: string): DockerfileText {
  const found = lookUp(tree, path);
  if (found === undefined || found.node.type !== "file") {
    const got = found === undefined ? "there is nothing" : `a ${found.node.type}`;
    const hint = explainMissing(tree, treePath(bytesOf(path))) ?? whereOthersAre(tree);
    throw new OcibuildError("DOCKERFILE_NOT_FOUND", `expected a Dockerfile at "${name}", but got ${got}`, {
      details: { file: name },
      ...(hint === undefined ? {} : { hint }),
    });
  }
  if (found.node.size > MAX_DOCKERFILE_BYTES) throw tooLarge(name);
  return { name, path, text: readSmallFile(tree, found.path, found.node, MAX_DOCKERFILE_BYTES).toString("utf8") };
}

/** Names the files at the top of the tree, and one folder below, that look like Dockerfiles. */
function whereOthersAre(tree: FileTree): string {
  const found: string[] = [];
  const look = (folder: ByteString, isTop: boolean): void => {
    for (const name of tree.list(folder).slice(0, MAX_NAMES)) {
      const at = joinPath(folder, name);
      const type = tree.lstat(at)?.type;
      if (type === "file" && /dockerfile|containerfile/i.test(name)) found.push(textOf(at));
      if (type === "dir" && isTop) look(at, false);
    }
  };
  look(ROOT, true);
  const [first] = found;
  if (first === undefined) return "write one, or name the folder that has one at the end of the command line";
  return `there is "${first}": name it with -f ${first}`;
}

/** The error for a Dockerfile over the limit. */
export function tooLarge(name: string): OcibuildError<"DOCKERFILE_TOO_LARGE"> {
  return new OcibuildError("DOCKERFILE_TOO_LARGE", `expected "${name}" to have at most 8 MiB, but got more`, {
    details: { file: name, limitBytes: MAX_DOCKERFILE_BYTES },
  });
}

/** Most bytes of a Dockerfile, wherever it comes from. */
export const DOCKERFILE_LIMIT_BYTES: number = MAX_DOCKERFILE_BYTES;

function lookUp(tree: FileTree, path: string): { path: ByteString; node: TreeNode } | undefined {
  const resolved = resolveInTree(tree, treePath(bytesOf(path)));
  const node = tree.lstat(resolved);
  return node && { path: resolved, node };
}
