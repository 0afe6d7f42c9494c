/** Archives as build contexts: uncompressed to a temporary file where that is needed, then read in place. */
import { randomUUID } from "node:crypto";
import { closeSync, openSync, readSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { OcibuildError } from "../errors.js";
import { contextNotFound } from "./existing-folder.js";
import type { OpenContextOptions } from "./open-context-options.js";
import { peekStream } from "./peek-stream.js";
import type { RawContext } from "./raw-context.js";
import { ARCHIVE_HEAD_BYTES, detectArchive, spoolArchive, spoolArchiveFile } from "./spool-archive.js";
import { openTarTree } from "./tar-tree.js";

const DEFAULT_ARCHIVE_LIMIT = 64 * 1024 ** 3;

/** The archive that comes from `archive`, which is read to its end. @throws like `openContext` */
export async function openTarStream(archive: Readable, options: OpenContextOptions): Promise<RawContext> {
  const { head, stream } = await peekStream(archive, ARCHIVE_HEAD_BYTES);
  return openArchiveStream(head, stream, options);
}

/** The same for a stream whose first bytes were looked at. */
export async function openArchiveStream(
  head: Buffer,
  stream: Readable,
  options: OpenContextOptions,
): Promise<RawContext> {
  const format = detectArchive(head) ?? "tar";
  return openSpooled(options, (target) => spoolArchive(stream, format, target, spoolOptions(options)));
}

/** The archive in the file `file`. @throws like `openContext` */
export async function openTarFile(file: string, options: OpenContextOptions): Promise<RawContext> {
  const format = detectArchive(headOf(file)) ?? "tar";
  if (format !== "tar") {
    return openSpooled(options, (target) => spoolArchiveFile(file, format, target, spoolOptions(options)));
  }
  const { tree, close } = await openTarTree(file, { signal: options.signal });
  return { tree, root: undefined, readsIgnoreFile: false, close };
}

/** The first bytes of a file, as `detectArchive` wants them. @throws CONTEXT_NOT_FOUND */
export function headOf(file: string): Buffer {
  const head = Buffer.alloc(ARCHIVE_HEAD_BYTES);
  let fd: number;
  try {
    if (!statSync(file).isFile()) throw contextNotFound(file, "something else", undefined);
    fd = openSync(file, "r");
  } catch (cause) {
    throw cause instanceof OcibuildError ? cause : contextNotFound(file, "there is nothing", cause);
  }
  try {
    return head.subarray(0, readSync(fd, head, 0, head.length, 0));
  } finally {
    closeSync(fd);
  }
}

async function openSpooled(options: OpenContextOptions, spool: (target: string) => Promise<void>): Promise<RawContext> {
  const target = join(options.tempDir, `context-${randomUUID()}.tar`);
  try {
    await spool(target);
    const opened = await openTarTree(target, { signal: options.signal });
    const close = (): void => {
      opened.close();
      rmSync(target, { force: true });
    };
    return { tree: opened.tree, root: undefined, readsIgnoreFile: false, close: once(close) };
  } catch (error) {
    rmSync(target, { force: true });
    throw error;
  }
}

function spoolOptions(options: OpenContextOptions): Parameters<typeof spoolArchive>[3] {
  return {
    limitBytes: options.archiveLimitBytes ?? DEFAULT_ARCHIVE_LIMIT,
    signal: options.signal,
  };
}

function once(call: () => void): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    call();
  };
}
