/**
 * The outer archives of images, OCI tarballs and docker tarballs, through tar-stream.
 *
 * Their members are few, have plain ASCII names, usual modes and a time we choose: nothing that tar-stream would change. Layer
 * tars are another matter and have a codec of their own; see docs/decisions/0002-own-tar-codec-for-layers.md.
 */
import { type Extract, extract, type Header, type Pack, pack } from "tar-stream";
import { isOcibuildError, OcibuildError } from "../errors.js";

/** A file or folder to put into an archive. */
export interface ArchiveFile {
  /** Relative, `/`-separated, ASCII. With a slash at its end it is a folder, which has no content. */
  readonly name: string;
  readonly sizeBytes: number;
  /** Exactly `sizeBytes` bytes in chunks that are not reused; iterated when its turn comes, closed on the way out. */
  readonly body: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/** A member found in an archive. */
export interface ArchiveMember {
  /** As in the archive, without leading `./` and `/` and without a trailing slash. */
  readonly name: string;
  readonly type: "file" | "dir" | "symlink" | "hardlink" | "other";
  readonly sizeBytes: number;
  /** Of links, as in the archive; else empty. */
  readonly linkname: string;
  /** Valid until the next member is asked for; what was not read of it is skipped. */
  readonly body: AsyncIterable<Buffer>;
}

const MEMBER_TYPES: ReadonlyMap<string, ArchiveMember["type"]> = new Map<string, ArchiveMember["type"]>([
  ["file", "file"],
  ["contiguous-file", "file"],
  ["directory", "dir"],
  ["symlink", "symlink"],
  ["link", "hardlink"],
]);

/**
 * The bytes of a tar with `files` in their order, produced as fast as they are read. Leaving the loop stops it.
 * @throws TAR_INVALID when a body is not as long as it was said to be; the signal's reason; whatever bodies throw
 */
export async function* packArchive(
  files: Iterable<ArchiveFile> | AsyncIterable<ArchiveFile>,
  options: { readonly mtimeSeconds: number; readonly signal?: AbortSignal },
): AsyncGenerator<Buffer, void, undefined> {
  const { mtimeSeconds, signal } = options;
  signal?.throwIfAborted();
  const archive = pack();
  const writing = writeFiles(archive, files, new Date(mtimeSeconds * 1000), signal);
  // Its error is thrown below; until then it must not count as unhandled.
  writing.catch(() => {});
  try {
    for await (const chunk of archive) yield chunk as Buffer;
  } catch (error) {
    await writing;
    throw error;
  } finally {
    archive.destroy();
    await writing.catch(() => {});
  }
  await writing;
}

async function writeFiles(
  archive: Pack,
  files: Iterable<ArchiveFile> | AsyncIterable<ArchiveFile>,
  mtime: Date,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    for await (const file of files) {
      if (archive.destroyed) return;
      await writeFile(archive, file, mtime, signal);
    }
    archive.finalize();
  } catch (error) {
    archive.destroy(error as Error);
    throw error;
  }
}

async function writeFile(
  archive: Pack,
  file: ArchiveFile,
  mtime: Date,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { name, sizeBytes, body } = file;
  const isFolder = name.endsWith("/");
  let onDone: (() => void) | undefined;
  const done = new Promise<void>((resolve) => {
    onDone = resolve;
  });
  const header: Partial<Header> & Pick<Header, "name"> = {
    name,
    size: sizeBytes,
    mode: isFolder ? 0o755 : 0o644,
    mtime,
    type: isFolder ? "directory" : "file",
    uid: 0,
    gid: 0,
  };
  const sink = archive.entry(header, () => onDone?.());
  // It repeats what destroyed the archive; unheard, it would end the process.
  sink.on("error", () => {});
  let written = 0;
  for await (const chunk of body) {
    signal?.throwIfAborted();
    if (archive.destroyed) return;
    written += chunk.length;
    if (written > sizeBytes) break;
    if (!sink.write(chunk)) await Promise.race([new Promise<void>((resolve) => sink.once("drain", resolve)), done]);
  }
  if (written !== sizeBytes) {
    const got = written > sizeBytes ? "more" : `${written}`;
    throw new OcibuildError("TAR_INVALID", `archive member "${name}" expected ${sizeBytes} bytes but got ${got}`, {
      details: { offset: 0 },
    });
  }
  sink.end(undefined);
  await done;
}

/**
 * The members of the tar `chunks`, in their order. Leaving the loop closes `chunks`.
 * @throws TAR_INVALID; the signal's reason; whatever `chunks` throws
 */
export async function* readArchive(
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  options: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<ArchiveMember, void, undefined> {
  options.signal?.throwIfAborted();
  const archive = extract();
  const source: Source = { error: undefined };
  const feeding = feed(archive, chunks, source, options.signal);
  try {
    for await (const entry of archive) {
      // Its iterator is never closed early: tar-stream would give up the whole archive with it.
      const content = entry[Symbol.asyncIterator]() as AsyncIterator<Buffer, unknown, undefined>;
      yield memberOf(entry.header, readContent(content, source));
      while ((await content.next()).done !== true);
    }
  } catch (error) {
    throw errorOf(error, source);
  } finally {
    archive.destroy();
    await feeding;
  }
}

/** Why the bytes of an archive stopped coming. */
interface Source {
  error: { readonly value: unknown } | undefined;
}

async function feed(
  archive: Extract,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  source: Source,
  signal: AbortSignal | undefined,
): Promise<void> {
  const closed = new Promise<void>((resolve) => archive.once("close", resolve));
  try {
    for await (const chunk of chunks) {
      signal?.throwIfAborted();
      if (archive.destroyed) return;
      if (!archive.write(chunk))
        await Promise.race([new Promise<void>((resolve) => archive.once("drain", resolve)), closed]);
    }
    archive.end(undefined);
  } catch (error) {
    source.error = { value: error };
    archive.destroy(error instanceof Error ? error : new Error(String(error)));
  }
}

async function* readContent(
  content: AsyncIterator<Buffer, unknown, undefined>,
  source: Source,
): AsyncGenerator<Buffer> {
  try {
    for (let next = await content.next(); next.done !== true; next = await content.next()) yield next.value;
  } catch (error) {
    throw errorOf(error, source);
  }
}

function memberOf(header: Header, body: AsyncIterable<Buffer>): ArchiveMember {
  return {
    name: header.name.replace(/^(?:\.?\/)+/, "").replace(/\/+$/, ""),
    type: MEMBER_TYPES.get(header.type ?? "") ?? "other",
    sizeBytes: header.size ?? 0,
    linkname: header.linkname ?? "",
    body,
  };
}

function errorOf(error: unknown, source: Source): unknown {
  if (source.error !== undefined) return source.error.value;
  if (isOcibuildError(error)) return error;
  return new OcibuildError("TAR_INVALID", "tar archive is damaged or cut off", {
    details: { offset: 0 },
    cause: error,
  });
}
