/** Files that outputs write: they appear under their name when they are complete, or not at all. */
import { randomBytes } from "node:crypto";
import { constants, type Stats } from "node:fs";
import { type FileHandle, open, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { OcibuildError } from "../errors.js";
import type { Abortable } from "../oci/blobs.js";

/** Where an archive goes: a file, or a stream that stays open (standard output). */
export type Destination = { readonly path: string } | { readonly stream: NodeJS.WritableStream; readonly name: string };

/** How messages call it. */
export function destinationName(destination: Destination): string {
  return "path" in destination ? destination.path : destination.name;
}

/**
 * Writes all `chunks`, which must not be changed afterwards. A file is written under another name in the same folder and
 * renamed at the end; a symlink is followed, a device or pipe is written to as it is.
 * @throws OUTPUT_INVALID when there can be no such file, OUTPUT_FAILED
 */
export async function writeDestination(
  destination: Destination,
  chunks: AsyncIterable<Buffer>,
  options: Abortable = {},
): Promise<void> {
  if ("stream" in destination) return writeStream(destination, chunks, options);
  const { path } = destination;
  const { target, existing } = await locate(path);
  options.signal?.throwIfAborted();
  if (existing !== undefined && !existing.isFile()) {
    return guarded(path, options, async () => {
      const handle = await open(target, constants.O_WRONLY);
      try {
        for await (const chunk of chunks) await writeAll(handle, chunk, null);
      } finally {
        await handle.close();
      }
    });
  }
  await guarded(path, options, () => placeFile(target, chunks, options, existing?.mode));
}

/** Writes `chunks` under another name beside `path`, then renames. `mode`: permission bits, if not the usual ones. */
export async function placeFile(
  path: string,
  chunks: AsyncIterable<Buffer> | Iterable<Buffer>,
  options: Abortable,
  mode?: number,
): Promise<void> {
  const temporary = temporaryName(path);
  try {
    await writeFile(temporary, chunks, options, mode);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** A name beside `path` that nobody else uses. */
export function temporaryName(path: string): string {
  return join(dirname(path), `.${basename(path).slice(0, 60)}.${randomBytes(6).toString("hex")}.tmp`);
}

/** Wraps errors of the file system so that they name the output; aborts and our own errors stay as they are. */
export async function guarded<T>(output: string, options: Abortable, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw outputFailure(output, options, error);
  }
}

/** What `guarded` throws for `error`. */
export function outputFailure(output: string, options: Abortable, error: unknown): unknown {
  if (options.signal?.aborted === true) return options.signal.reason;
  if (error instanceof OcibuildError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new OcibuildError("OUTPUT_FAILED", `output "${output}" could not be written: ${reason}`, {
    details: { output },
    cause: error,
  });
}

/** @throws OUTPUT_INVALID */
export function invalidOutput(output: string, message: string, hint?: string): OcibuildError<"OUTPUT_INVALID"> {
  return new OcibuildError("OUTPUT_INVALID", message, { details: { output }, ...(hint === undefined ? {} : { hint }) });
}

async function locate(path: string): Promise<{ target: string; existing: Stats | undefined }> {
  const existing = await stat(path).catch(() => undefined);
  if (existing?.isDirectory() === true) {
    throw invalidOutput(
      path,
      `output "${path}" expected to be a file but is a folder`,
      `Name a file in it: "${join(path, "image.tar")}".`,
    );
  }
  if (existing !== undefined) return { target: await realpath(path), existing };
  const parent = await stat(dirname(path)).catch(() => undefined);
  if (parent?.isDirectory() !== true) {
    throw invalidOutput(path, `folder "${dirname(path)}" of output "${path}" does not exist`, "Make it first.");
  }
  return { target: path, existing: undefined };
}

async function writeFile(
  path: string,
  chunks: AsyncIterable<Buffer> | Iterable<Buffer>,
  options: Abortable,
  mode: number | undefined,
): Promise<void> {
  const handle = await open(path, "wx");
  let writing: Promise<void> = Promise.resolve();
  try {
    let position = 0;
    // One write is under way while the next chunk is being made.
    for await (const chunk of chunks) {
      await writing;
      options.signal?.throwIfAborted();
      writing = writeAll(handle, chunk, position);
      // Awaited later; a failure must not count as unhandled until then.
      writing.catch(() => undefined);
      position += chunk.length;
    }
    await writing;
    if (mode !== undefined) await handle.chmod(mode & 0o777);
  } finally {
    await writing.catch(() => undefined);
    await handle.close();
  }
}

async function writeAll(handle: FileHandle, chunk: Buffer, position: number | null): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    const at = position === null ? null : position + done;
    done += (await handle.write(chunk, done, chunk.length - done, at)).bytesWritten;
  }
}

async function writeStream(
  destination: { readonly stream: NodeJS.WritableStream; readonly name: string },
  chunks: AsyncIterable<Buffer>,
  options: Abortable,
): Promise<void> {
  await guarded(destination.name, options, () =>
    pipeline(chunks, destination.stream, {
      end: false,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    }),
  );
}
