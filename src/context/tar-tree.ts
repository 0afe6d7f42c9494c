/** An uncompressed tar on disk as a tree: its index is in memory, contents are read from where they are in the file. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { OcibuildError } from "../errors.js";
import type { TarEntry } from "../tar/entry.js";
import type { TarLimits } from "../tar/limits.js";
import { TarReader } from "../tar/reader.js";
import type { ContentReader, FileTree } from "../tree/file-tree.js";
import { type ByteString, textOf } from "../util/bytes.js";
import { IndexTree } from "./index-tree.js";

interface Range {
  readonly offset: number;
  readonly size: number;
}

export interface TarTree {
  readonly tree: FileTree;
  /** Releases the file; nothing can be read from the tree afterwards. */
  close(): void;
}

export interface TarTreeOptions {
  /** How errors call the tree; `the build context` without it. */
  readonly label?: string | undefined;
  readonly limits?: TarLimits | undefined;
  readonly signal?: AbortSignal | undefined;
}

const CHUNK_BYTES = 1024 * 1024;

/**
 * Indexes the tar `file`. Owners, modes and times are those of the archive; of two entries with one name the later wins.
 * @throws TAR_INVALID, TAR_LIMIT, CONTEXT_INVALID for a link to what is not in the archive
 */
export async function openTarTree(file: string, options: TarTreeOptions = {}): Promise<TarTree> {
  const fd = openSync(file, "r");
  try {
    const before = fstatSync(fd, { bigint: true });
    const label = options.label ?? "the build context";
    const isUnchanged = (): boolean => {
      const now = fstatSync(fd, { bigint: true });
      return now.size === before.size && now.mtimeNs === before.mtimeNs;
    };
    const tree = new IndexTree<Range>(label, (range, path) =>
      rangeReader(fd, range, () => changed(label, path), isUnchanged),
    );
    const reader = new TarReader({ entry: (entry, offset) => addEntry(tree, entry, offset) }, options.limits);
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let count = -1; count !== 0; ) {
      options.signal?.throwIfAborted();
      count = readSync(fd, chunk, 0, CHUNK_BYTES, null);
      reader.write(chunk.subarray(0, count));
      // Gives the event loop its turn, and with it a cancellation its chance.
      await new Promise(setImmediate);
    }
    reader.end();
    return { tree, close: () => closeSync(fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function addEntry(tree: IndexTree<Range>, entry: TarEntry, offset: number): void {
  const { path, type, ...rest } = entry;
  if (type === "hardlink") tree.link(path, entry.linkname);
  else tree.put(path, { ...rest, type, inode: undefined }, type === "file" ? { offset, size: entry.size } : undefined);
}

function rangeReader(fd: number, range: Range, changedError: () => Error, isUnchanged: () => boolean): ContentReader {
  let done = 0;
  return {
    read: (target, offset, length) => {
      if (done === range.size) return 0;
      const count = readSync(fd, target, offset, Math.min(length, range.size - done), range.offset + done);
      if (count === 0) throw changedError();
      done += count;
      return count;
    },
    close: () => {
      if (done === range.size && !isUnchanged()) throw changedError();
    },
  };
}

function changed(label: string, path: ByteString): OcibuildError<"CONTEXT_CHANGED"> {
  return new OcibuildError(
    "CONTEXT_CHANGED",
    `the archive of "${textOf(path)}" in ${label} changed while it was read`,
    {
      details: { path: textOf(path) },
      hint: "Wait until nothing writes to the archive, then build again.",
    },
  );
}
