/**
 * What an edit changed, as the entries of a layer: parents before children, names bytewise, whiteouts before their
 * siblings, names of one file as hard links. @spec layer.md#representing-changes
 */
import { createHash } from "node:crypto";
import { OcibuildError } from "../../errors.js";
import type { TarEntry, Xattrs } from "../../tar/entry.js";
import { type ByteString, compareBytes, textOf } from "../../util/bytes.js";
import type { LayerEntry } from "../layer-entry.js";
import type { FsEdit } from "./fs-edit.js";
import type { FileContent, FsNode } from "./fs-node.js";

const WHITEOUT = ".wh.";
const NONE = "" as ByteString;
const READ_BYTES = 256 * 1024;
const CAPABILITY = "security.capability" as ByteString;

/** Maps an entry's time, in seconds, to the time that goes into the layer. */
export type ClampTime = (mtimeSeconds: number) => number;

/** A directory of the edit on the way from the root to where the walk is. */
interface Frame {
  /** Empty for the root, else with a final slash. */
  readonly prefix: string;
  /** What the base has there, when that is a directory too. */
  readonly lower: FsNode | undefined;
  readonly node: FsNode;
  /** What the base has and the edit has not. */
  readonly removed: readonly ByteString[];
  readonly names: readonly ByteString[];
  next: number;
  /** Whether the directory itself has its entry (the root needs none). */
  isSaid: boolean;
}

/**
 * The entries that turn `edit.base` into the edited file system. Times are cut to whole seconds, as containerd's differ
 * does.
 * @throws LAYER_INVALID for a name that is reserved
 */
export function* layerEntriesOf(edit: FsEdit, clampTime: ClampTime): Generator<LayerEntry> {
  const linked = new Map<FsNode, ByteString>();
  // A stack and no recursion: paths can be thousands of folders deep.
  const stack: Frame[] = [{ ...frameOf(NONE, edit.base.root, edit.root), isSaid: true }];
  for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
    const { prefix, lower, node: directory, removed, names } = frame;
    const at = frame.next++;
    const name = names[at - removed.length];
    if (at < removed.length) {
      yield* directoriesUpTo();
      yield whiteout(`${prefix}${WHITEOUT}${removed[at]!}` as ByteString);
    } else if (name === undefined) {
      stack.pop();
    } else {
      const node = directory.children!.get(name)!;
      if (node.edition !== edit.edition) continue;
      const path = (prefix + name) as ByteString;
      if (name.startsWith(WHITEOUT)) throw reservedName(path);
      const old = lower?.children?.get(name);
      if (node.children !== undefined) {
        const below = frameOf(path, old, node);
        stack.push(below);
        // One that is as it was is said only when something in it is.
        if (below.lower === undefined || (node.changed && !sameMeta(below.lower, node))) yield* directoriesUpTo();
      } else if (old === undefined || !isUnchanged(old, node, timeOf(node))) {
        yield* directoriesUpTo();
        yield leafEntry(path, node, linked, timeOf(node));
      }
    }
  }

  /** The entries of directories on the way that have none yet. */
  function* directoriesUpTo(): Generator<LayerEntry> {
    let first = stack.length;
    while (!stack[first - 1]!.isSaid) first--;
    for (const frame of stack.slice(first)) {
      frame.isSaid = true;
      const path = frame.prefix.slice(0, -1) as ByteString;
      yield { entry: nodeEntry(path, frame.node, timeOf(frame.node)), open: undefined, onContentDigest: undefined };
    }
  }

  function timeOf(node: FsNode): number {
    return node.changed ? clampTime(node.meta.mtimeSeconds) : node.meta.mtimeSeconds;
  }
}

function frameOf(path: ByteString, before: FsNode | undefined, node: FsNode): Frame {
  // A directory in the place of something else hides all that was there: nothing below needs a whiteout.
  const lower = before?.children === undefined ? undefined : before;
  const removed = [...(lower?.children?.keys() ?? [])].filter((name) => !node.children!.has(name)).sort(compareBytes);
  const names = [...node.children!.keys()].sort(compareBytes);
  return { prefix: path === "" ? "" : `${path}/`, lower, node, removed, names, next: 0, isSaid: false };
}

/**
 * Contents of the base that `layerEntriesOf` will compare with new ones and whose digests nobody knows: they have to be
 * ready to be read. Whether a file is left out must not depend on what happens to be known.
 */
export function* comparedContents(edit: FsEdit, clampTime: ClampTime): Generator<FileContent> {
  const pairs: [before: FsNode, after: FsNode][] = [[edit.base.root, edit.root]];
  for (let pair = pairs.pop(); pair !== undefined; pair = pairs.pop()) {
    const [before, after] = pair;
    for (const [name, node] of after.children!) {
      const old = before.children?.get(name);
      if (old === undefined || node.edition !== edit.edition) continue;
      if (node.children !== undefined) {
        pairs.push([old, node]);
      } else if (old.content !== undefined && old.content.knownDigest() === undefined) {
        const time = node.changed ? clampTime(node.meta.mtimeSeconds) : node.meta.mtimeSeconds;
        if (isAlike(old, node, time)) yield old.content;
      }
    }
  }
}

/** The entry of a node that is no directory: a hard link when `linked` knows another path of it, which it learns. */
export function leafEntry(
  path: ByteString,
  node: FsNode,
  linked: Map<FsNode, ByteString>,
  mtimeSeconds: number,
  mtimeNanos: number = 0,
): LayerEntry {
  const entry = nodeEntry(path, node, mtimeSeconds, mtimeNanos);
  const target = linked.get(node);
  if (target !== undefined) {
    const link: TarEntry = { ...entry, type: "hardlink", size: 0, linkname: target, xattrs: undefined };
    return { entry: link, open: undefined, onContentDigest: undefined };
  }
  linked.set(node, path);
  const { content } = node;
  return {
    entry,
    open: content === undefined ? undefined : () => content.open(),
    onContentDigest: content === undefined ? undefined : (sha256) => content.rememberDigest(sha256),
  };
}

/** The metadata of a node as a tar entry. */
export function nodeEntry(path: ByteString, { meta }: FsNode, mtimeSeconds: number, mtimeNanos: number = 0): TarEntry {
  return {
    path,
    type: meta.type as Exclude<typeof meta.type, "socket">,
    mode: meta.mode,
    uid: meta.uid,
    gid: meta.gid,
    size: meta.size,
    mtimeSeconds,
    mtimeNanos,
    linkname: meta.linkname,
    devMajor: meta.devMajor,
    devMinor: meta.devMinor,
    xattrs: keptXattrs(meta.xattrs),
  };
}

/** Of all extended attributes only file capabilities go into layers, as with BuildKit: the others are the host's business. */
function keptXattrs(xattrs: Xattrs | undefined): Xattrs | undefined {
  const capability = xattrs?.get(CAPABILITY);
  return capability === undefined ? undefined : new Map([[CAPABILITY, capability]]);
}

function whiteout(path: ByteString): LayerEntry {
  const entry: TarEntry = {
    path,
    type: "file",
    mode: 0,
    uid: 0,
    gid: 0,
    size: 0,
    mtimeSeconds: 0,
    mtimeNanos: 0,
    linkname: NONE,
    devMajor: 0,
    devMinor: 0,
    xattrs: undefined,
  };
  return { entry, open: undefined, onContentDigest: undefined };
}

/** A file so named would delete another one in every engine that unpacks the layer. */
function reservedName(path: ByteString): OcibuildError<"LAYER_INVALID"> {
  return new OcibuildError(
    "LAYER_INVALID",
    `"/${textOf(path)}" cannot be in a layer: names that start with ".wh." mark deletions`,
    {
      details: { path: textOf(path) },
      hint: "rename the file, or exclude it with --exclude or .dockerignore",
    },
  );
}

function sameMeta(a: FsNode, b: FsNode): boolean {
  const x = a.meta;
  const y = b.meta;
  return (
    x.mode === y.mode &&
    x.uid === y.uid &&
    x.gid === y.gid &&
    x.mtimeSeconds === y.mtimeSeconds &&
    !x.xattrs &&
    !y.xattrs
  );
}

/**
 * Whether a file was put over one just like it: there is nothing to say in the layer then. Times count, as far as layers
 * have them.
 */
function isUnchanged(old: FsNode, node: FsNode, mtimeSeconds: number): boolean {
  return isAlike(old, node, mtimeSeconds) && sameContent(old.content, node.content);
}

/** `isUnchanged` but for the content. */
function isAlike(old: FsNode, node: FsNode, mtimeSeconds: number): boolean {
  const a = old.meta;
  const b = node.meta;
  return (
    a.type === b.type &&
    a.size === b.size &&
    a.mode === b.mode &&
    a.uid === b.uid &&
    a.gid === b.gid &&
    a.mtimeSeconds === mtimeSeconds &&
    a.linkname === b.linkname &&
    a.devMajor === b.devMajor &&
    a.devMinor === b.devMinor &&
    // Names of one file would have to be told apart from files that are alike.
    a.inode === undefined &&
    b.inode === undefined &&
    !keptXattrs(a.xattrs) &&
    !keptXattrs(b.xattrs)
  );
}

function sameContent(old: FileContent | undefined, content: FileContent | undefined): boolean {
  if (old === undefined || content === undefined) return old === content;
  return (old.knownDigest() ?? readDigest(old)).equals(content.knownDigest() ?? readDigest(content));
}

/** Reads the file; whoever keeps digests learns it. */
function readDigest(content: FileContent): Buffer {
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  const reader = content.open();
  try {
    for (let count = reader.read(buffer, 0, READ_BYTES); count > 0; count = reader.read(buffer, 0, READ_BYTES)) {
      hash.update(buffer.subarray(0, count));
    }
  } finally {
    reader.close();
  }
  const sha256 = hash.digest();
  content.rememberDigest(sha256);
  return sha256;
}
