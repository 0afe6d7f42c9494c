/**
 * What an executor says a command changed → an edit. Untrusted (design, section 6): read with limits, checked, and applied
 * to the file system the command began with, so that the layer is the same whichever executor ran it.
 */
import { isOcibuildError, OcibuildError } from "../../errors.js";
import { TAR_LIMITS } from "../../tar/limits.js";
import { TarReader } from "../../tar/reader.js";
import { baseName, parentPath } from "../../tree/paths.js";
import { type ByteString, compareBytes, textOf } from "../../util/bytes.js";
import { applyEntries, type OpenEntry } from "../fs/apply-layer.js";
import type { FsEdit } from "../fs/fs-edit.js";
import { type IndexedEntry, indexedEntry } from "../layer-index.js";
import type { RunContext } from "../run-context.js";
import { Spool } from "./spool.js";

export interface Changeset {
  /** Parents before what is in them, hard links after everything else. */
  readonly entries: readonly IndexedEntry[];
  readonly openEntry: OpenEntry;
}

export interface ChangesetOptions {
  /** Of the executor, for errors. */
  readonly executor: string;
  readonly limitBytes: number;
}

/**
 * Reads the changeset into memory or, when it is not small, into a temporary file that lives until the run ends.
 * @throws EXECUTOR_FAILED when it is no tar that a changeset can be; LIMIT_EXCEEDED; what the stream throws
 */
export async function readChangeset(
  run: Pick<RunContext, "createTemporary" | "signal">,
  chunks: AsyncIterable<Buffer>,
  { executor, limitBytes }: ChangesetOptions,
): Promise<Changeset> {
  const entries: IndexedEntry[] = [];
  const reader = new TarReader(
    { entry: (entry, dataOffset) => entries.push(indexedEntry(entry, dataOffset)) },
    TAR_LIMITS,
  );
  const spool = new Spool(run.createTemporary);
  let open: ReturnType<Spool["seal"]>;
  try {
    for await (const chunk of chunks) {
      run.signal.throwIfAborted();
      if (spool.sizeBytes + chunk.length > limitBytes) {
        throw new OcibuildError("LIMIT_EXCEEDED", `the command's changes are more than ${limitBytes} bytes`, {
          details: { limit: "changesetBytes", value: limitBytes },
          hint: "write what the image does not need to a cache mount or to a tmpfs mount",
        });
      }
      reader.write(chunk);
      spool.write(chunk);
    }
    reader.end();
    open = spool.seal();
  } catch (error) {
    spool.discard();
    for (const code of ["TAR_INVALID", "TAR_LIMIT", "TAR_UNSUPPORTED"] as const) {
      if (isOcibuildError(error, code)) throw damaged(executor, error.message, error);
    }
    throw error;
  }
  const isLink = ({ type }: IndexedEntry): number => (type === "hardlink" ? 1 : 0);
  entries.sort((a, b) => isLink(a) - isLink(b) || compareBytes(a.path, b.path));
  assertValid(entries, executor);
  return {
    entries,
    openEntry: ({ dataOffset, size }) => ({
      open: () => open(dataOffset, size),
      knownDigest: () => undefined,
      rememberDigest() {},
    }),
  };
}

/**
 * Applies the changes to `edit`, whose file system is the one that the command began with.
 * @throws EXECUTOR_FAILED when a path leads through what is no directory
 */
export function applyChangeset(edit: FsEdit, { entries, openEntry }: Changeset, executor: string): void {
  const types = new Map(entries.map((entry) => [entry.path, entry.type]));
  let lastParent: ByteString | undefined;
  for (const { path } of entries) {
    const parent = parentPath(path);
    if (parent === lastParent) continue;
    lastParent = parent;
    // Every directory on the way: of the changes, or of what was there. A link there could lead anywhere.
    for (let at = parent; at !== ""; at = parentPath(at)) {
      const type = types.get(at) ?? edit.lstat(at)?.type;
      if (type === undefined || type === "dir") continue;
      throw damaged(executor, `"/${textOf(path)}" lies in "/${textOf(at)}", which is a ${type}`);
    }
  }
  applyEntries(edit, entries, openEntry);
}

const WHITEOUT = ".wh.";
const OPAQUE = ".wh..wh..opq";

function assertValid(entries: readonly IndexedEntry[], executor: string): void {
  const types = new Map<ByteString, IndexedEntry["type"]>();
  for (const { path, type, linkname } of entries) {
    if (types.has(path)) throw damaged(executor, `"/${textOf(path)}" is there twice`);
    types.set(path, type);
    if (path === "" && type !== "dir") throw damaged(executor, `the root is a ${type}`);
    const name = baseName(path);
    if (name.startsWith(WHITEOUT)) assertWhiteout(path, name, type, executor);
    if (type !== "hardlink") continue;
    const target = types.get(linkname);
    if (target === undefined || target === "dir" || target === "hardlink") {
      const found = target === undefined ? "not among the changes" : `a ${target}`;
      throw damaged(executor, `the hard link "/${textOf(path)}" leads to "/${textOf(linkname)}", which is ${found}`);
    }
  }
}

function assertWhiteout(path: ByteString, name: ByteString, type: IndexedEntry["type"], executor: string): void {
  if (name === OPAQUE && type === "file") return;
  const hidden = name.slice(WHITEOUT.length);
  const isValid = type === "file" && hidden !== "" && hidden !== "." && hidden !== ".." && !hidden.startsWith(WHITEOUT);
  if (!isValid) throw damaged(executor, `"/${textOf(path)}" has a name that only whiteouts have and is none`);
}

function damaged(executor: string, what: string, cause?: unknown): OcibuildError<"EXECUTOR_FAILED"> {
  return new OcibuildError(
    "EXECUTOR_FAILED",
    `the changes that the executor "${executor}" reports are not valid: ${what}`,
    {
      details: { executor },
      hint: "files whose names begin with .wh. cannot be in a layer; anything else is a mistake in the executor",
      ...(cause === undefined ? {} : { cause }),
    },
  );
}
