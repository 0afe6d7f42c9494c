/** A file system as an immutable value: what a stack of layers looks like, or what a step has made of it. */
import { OcibuildError } from "../../errors.js";
import type { ContentReader, FileTree, TreeNode } from "../../tree/file-tree.js";
import { type ByteString, compareBytes, textOf } from "../../util/bytes.js";
import { openVerified } from "../open-verified.js";
import { directoryMeta, type FsNode } from "./fs-node.js";

const NO_NAMES: readonly ByteString[] = [];

export class FsTree implements FileTree {
  readonly root: FsNode;
  /** What error messages call it, for example `stage "build"`. */
  readonly label: string;

  constructor(root: FsNode, label: string) {
    this.root = root;
    this.label = label;
  }

  /** The node at `path`; symlinks are not followed. */
  find(path: ByteString): FsNode | undefined {
    return findNode(this.root, path);
  }

  lstat(path: ByteString): TreeNode | undefined {
    return this.find(path)?.meta;
  }

  list(path: ByteString): readonly ByteString[] {
    return namesIn(this.find(path));
  }

  open(path: ByteString): ContentReader {
    const node = this.find(path);
    if (node?.content === undefined) {
      throw new OcibuildError("LAYER_COPY", `${this.describe(path)} is not a regular file`, {
        details: { path: textOf(path) },
      });
    }
    return openVerified(node.content, node.meta.size);
  }

  knownContentDigest(path: ByteString): Buffer | undefined {
    return this.find(path)?.content?.knownDigest();
  }

  rememberContentDigest(path: ByteString, _node: TreeNode, sha256: Buffer): void {
    this.find(path)?.content?.rememberDigest(sha256);
  }

  describe(path: ByteString): string {
    return `"/${textOf(path)}" of ${this.label}`;
  }

  explainAbsence(): undefined {
    return undefined;
  }
}

/** The file system with nothing in it: `FROM scratch`. */
export function emptyTree(label: string): FsTree {
  const edition = {};
  return new FsTree(
    { meta: directoryMeta(0o755, 0, 0, 0), content: undefined, children: new Map(), edition, changed: false },
    label,
  );
}

/** The node at `path` below `root`. */
export function findNode(root: FsNode, path: ByteString): FsNode | undefined {
  if (path === "") return root;
  let node: FsNode | undefined = root;
  let start = 0;
  while (node !== undefined) {
    const slash = path.indexOf("/", start);
    if (slash === -1) return node.children?.get(path.slice(start) as ByteString);
    node = node.children?.get(path.slice(start, slash) as ByteString);
    start = slash + 1;
  }
  return undefined;
}

/** Names in a directory node, sorted bytewise. */
export function namesIn(node: FsNode | undefined): readonly ByteString[] {
  if (node?.children === undefined) return NO_NAMES;
  return [...node.children.keys()].sort(compareBytes);
}
