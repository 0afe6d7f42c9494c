/** What COPY takes: source paths of one file tree, resolved and walked once, so that key and layer see the same nodes. */
import { createHash } from "node:crypto";
import { CONTENT_BYTES, type StepFile } from "../../cache/step-files.js";
import { OcibuildError } from "../../errors.js";
import { explainMissing } from "../../tree/explain-missing.js";
import type { ContentReader, FileTree, TreeNode } from "../../tree/file-tree.js";
import { expandParentsSource, expandSource } from "../../tree/glob.js";
import { type IgnoreMatcher, matcherForPatterns } from "../../tree/ignore-matcher.js";
import { baseName } from "../../tree/paths.js";
import { resolveInTree } from "../../tree/resolve.js";
import { digestSelection } from "../../tree/selection-digest.js";
import { walkTree } from "../../tree/walk.js";
import { type ByteString, byteStringOf, compareBytes, textOf } from "../../util/bytes.js";
import { goQuote } from "../../util/go-format.js";
import type { FileContent } from "../fs/fs-node.js";
import { FsTree } from "../fs/fs-tree.js";
import type { SelectedNode, Selection } from "./copy.js";

export interface SelectOptions {
  readonly parents: boolean;
  readonly exclude: readonly string[];
  /** Whether the tree is a build context: BuildKit reads patterns a little differently there. */
  readonly isContext: boolean;
  /** Told of what cannot be copied and is left out. */
  readonly onSkipped: (message: string) => void;
}

/**
 * Everything that the source path or pattern `source` selects, one `Selection` for each match. A pattern with wildcards
 * may match nothing.
 * @throws LAYER_COPY when a path does not exist; TREE_PATTERN_INVALID, TREE_LINK_LOOP
 */
export function selectSource(tree: FileTree, source: string, options: SelectOptions): Selection[] {
  const exclude = options.exclude.length === 0 ? undefined : matcherForPatterns(options.exclude);
  const expanded = options.parents
    ? expandParentsSource(tree, source, { exclude })
    : expandSource(tree, source, { isContext: options.isContext });
  if (expanded.missing !== undefined) {
    throw notFound(tree, expanded.missing, options.isContext && ABOVE.test(source) ? HINT_ABOVE : undefined);
  }
  const include = "include" in expanded ? (expanded.include as IgnoreMatcher) : undefined;
  return expanded.matches.map((match) => ({
    tree,
    name: baseName(match.path),
    nodes: nodesAt(tree, match.resolved, include, exclude, options),
  }));
}

/**
 * What is at `path` of the tree, literally, with all below it; links are followed.
 * @throws LAYER_COPY when there is nothing; TREE_LINK_LOOP, CONTEXT_UNSUPPORTED_FILE
 */
export function selectPath(
  tree: FileTree,
  path: ByteString,
  options: Pick<SelectOptions, "isContext" | "onSkipped">,
): Selection {
  const resolved = resolveInTree(tree, path);
  if (tree.lstat(resolved) === undefined) throw notFound(tree, path);
  const nodes = nodesAt(tree, resolved, undefined, undefined, { ...options, parents: false, exclude: [] });
  return { tree, name: baseName(path), nodes };
}

function nodesAt(
  tree: FileTree,
  start: ByteString,
  include: IgnoreMatcher | undefined,
  exclude: IgnoreMatcher | undefined,
  options: SelectOptions,
): SelectedNode[] {
  const nodes: SelectedNode[] = [];
  for (const { path, relative, node, isOnTheWay } of walkTree(tree, start, { include, exclude })) {
    if (node.type === "socket") {
      options.onSkipped(`${tree.describe(path)} is a socket and was left out`);
      continue;
    }
    // In an image a device is what somebody put there; in a build context it is the host's.
    if (options.isContext && (node.type === "char" || node.type === "block")) throw deviceInContext(tree, path, node);
    const content = node.type === "file" ? contentIn(tree, path, node) : undefined;
    nodes.push({ path, relative, node, content, isOnTheWay });
  }
  return nodes;
}

function deviceInContext(tree: FileTree, path: ByteString, node: TreeNode): OcibuildError<"CONTEXT_UNSUPPORTED_FILE"> {
  return new OcibuildError("CONTEXT_UNSUPPORTED_FILE", `${tree.describe(path)} is a device and cannot be copied`, {
    details: { path: textOf(path), type: node.type },
    hint: "exclude it with a line in .dockerignore",
  });
}

/** The content of a tree's file; that of a layer's file stays what it is, so that its layer can be found. */
function contentIn(tree: FileTree, path: ByteString, node: TreeNode): FileContent {
  return (tree instanceof FsTree ? tree.find(path)?.content : undefined) ?? new TreeContent(tree, path, node);
}

/** A file of a build context. What is packed must be what the key was made of. */
class TreeContent implements FileContent {
  readonly #tree: FileTree;
  readonly #path: ByteString;
  readonly #node: TreeNode;

  constructor(tree: FileTree, path: ByteString, node: TreeNode) {
    this.#tree = tree;
    this.#path = path;
    this.#node = node;
  }

  open(): ContentReader {
    return this.#tree.open(this.#path, this.#node);
  }

  knownDigest(): Buffer | undefined {
    return this.#tree.knownContentDigest(this.#path, this.#node);
  }

  rememberDigest(sha256: Buffer): void {
    const known = this.knownDigest();
    if (known === undefined) this.#tree.rememberContentDigest(this.#path, this.#node, sha256);
    else if (!known.equals(sha256)) {
      throw new OcibuildError("CONTEXT_CHANGED", `${this.#tree.describe(this.#path)} changed while it was read`, {
        details: { path: textOf(this.#path) },
        hint: "wait until nothing writes to the build context, then build again",
      });
    }
  }
}

/**
 * One digest over everything that decides what a copy of `selections` makes: names, metadata, links and content; not
 * times. Reads the files whose digest is not known yet.
 * @throws CONTEXT_CHANGED, CONTEXT_UNREADABLE
 */
export function digestSelections(tree: FileTree, selections: readonly Selection[]): string {
  return `sha256:${digestSelection(tree, named(selections)).toString("hex")}`;
}

/** Names tell apart the matches, a match and what is in it, and directories that are only on the way. */
function* named(selections: readonly Selection[]): Generator<{ name: ByteString; path: ByteString; node: TreeNode }> {
  for (const [index, { name, nodes }] of selections.entries()) {
    for (const { path, relative, node, isOnTheWay } of nodes) {
      const below = relative === "" ? "" : `/${relative}`;
      yield { name: `${index}${isOnTheWay ? "+" : ":"}${name}${below}` as ByteString, path, node };
    }
  }
}

/** What `digestSelections` is of, for explaining a miss: content as far as it is known. */
export function* stepFiles(selections: readonly Selection[]): Generator<StepFile> {
  const firstNames = new Map<string, ByteString>();
  for (const { nodes } of selections) {
    for (const { path, node, content } of nodes) {
      const { mode, uid, gid, inode } = node;
      const known = inode === undefined ? undefined : firstNames.get(inode);
      if (inode !== undefined && known === undefined) firstNames.set(inode, path);
      const xattrs = attributesMark(node);
      if (known !== undefined) yield { path, type: "hardlink", mode, uid, gid, content: known, xattrs };
      else yield { path, type: node.type, mode, uid, gid, content: contentMark(node, content), xattrs };
    }
  }
}

function contentMark(node: TreeNode, content: FileContent | undefined): ByteString {
  if (node.type === "symlink") return node.linkname;
  if (node.type === "char" || node.type === "block") return `${node.devMajor}:${node.devMinor}` as ByteString;
  return (content?.knownDigest()?.toString("latin1", 0, CONTENT_BYTES) ?? "") as ByteString;
}

/** Bytes kept of a digest of extended attributes. */
const ATTRIBUTES_BYTES = 8;

function attributesMark({ xattrs }: TreeNode): ByteString {
  if (xattrs === undefined || xattrs.size === 0) return "" as ByteString;
  const hash = createHash("sha256");
  for (const [name, value] of [...xattrs].sort(([a], [b]) => compareBytes(a, b))) {
    hash.update(`${name.length}:${name}${value.length}:`, "latin1").update(value);
  }
  return byteStringOf(hash.digest().subarray(0, ATTRIBUTES_BYTES));
}

/** A source that climbs out of its tree, as written. */
const ABOVE = /^\/?(?:\.\/)*\.\.(?:\/|$)/;
const HINT_ABOVE =
  '".." stops at the top of the build context: build in the folder above (ocibuild build -f DIR/Dockerfile ..), or name ' +
  "the other folder with --build-context NAME=DIR and write COPY --from=NAME";

function notFound(tree: FileTree, path: ByteString, otherHint?: string): OcibuildError<"LAYER_COPY"> {
  const hint = explainMissing(tree, path) ?? otherHint;
  return new OcibuildError(
    "LAYER_COPY",
    `${goQuote(`/${textOf(path)}`)}: not found: there is no ${tree.describe(path)}`,
    {
      details: { path: textOf(path) },
      ...(hint === undefined ? {} : { hint }),
    },
  );
}
