/** A tar that can be unpacked by anybody (see `LayerRewrite`) → files: by ourselves, and by GNU tar what Node cannot do. */
import { isOcibuildError } from "../../errors.js";
import type { TarEntry } from "../../tar/entry.js";
import { parentPath } from "../../tree/paths.js";
import { type ByteString, textOf } from "../../util/bytes.js";
import { executorFailed } from "./failures.js";
import { FolderFiles } from "./folder-files.js";
import { TarExtraction, type UnpackOptions } from "./tar-extraction.js";
import { TarEncoder, type TarRewrite, TarRewriter, type TarSink } from "./tar-rewriter.js";

/**
 * Unpacks what `rewrite` makes of the tar `chunks` into the empty folder `folder`. A chunk has to stay as it is until the
 * one after the next is asked for. @throws EXECUTOR_FAILED, what `chunks` and `rewrite` throw, the signal's reason
 */
export async function unpackTar(
  chunks: AsyncIterable<Uint8Array>,
  rewrite: TarRewrite,
  folder: string,
  options: UnpackOptions,
): Promise<void> {
  const files = new TarExtraction(folder, options);
  const folders = new TarExtraction(folder, options);
  const unpacking = new Unpacking(folder);
  const rewriter = new TarRewriter(rewrite, unpacking);
  try {
    for await (const chunk of chunks) {
      rewriter.write(chunk);
      await files.write(unpacking.filesForTar());
    }
    rewriter.end();
    await files.write(unpacking.restForTar());
    await files.end();
    // By a program of their own: the first may put links into them when it has ended with everything else.
    await folders.write(unpacking.foldersForTar());
    await folders.end();
    unpacking.settleFolders();
  } catch (error) {
    options.signal.throwIfAborted();
    const { syscall, message } = error as NodeJS.ErrnoException;
    if (syscall === undefined || isOcibuildError(error)) throw error;
    const { executor, what } = options;
    const place = `/${textOf(unpacking.path)}`;
    throw executorFailed(executor, `unpacking ${what} failed at "${place}": ${message}`, hintOf(error), error);
  } finally {
    unpacking.close();
    await files.abandon();
    await folders.abandon();
  }
}

function hintOf(error: unknown): string | undefined {
  const { syscall, code } = error as NodeJS.ErrnoException;
  if (code !== "EINVAL" || syscall?.endsWith("chown") !== true) return undefined;
  return "The user namespace that this process is root of lacks the file's owner: give it more ids.";
}

/** Decides who writes what: a file that depends on one of tar's goes to tar as well, because that is not there yet. */
class Unpacking implements TarSink {
  readonly #files: FolderFiles;
  readonly #encoder = new TarEncoder();
  /** What tar writes or reads, sooner or later. */
  readonly #withTar = new Set<ByteString>();
  /** Folders that tar makes, and everything in them. */
  readonly #foldersWithTar = new Set<ByteString>();
  /** What folders of ours get when everything is in them; those around them come first. */
  readonly #folders = new Map<ByteString, TarEntry>();
  /** Who gets the content. */
  #writer: FolderFiles | TarEncoder;
  /** Of the entry that is being written. */
  path: ByteString = "" as ByteString;

  constructor(folder: string) {
    this.#files = new FolderFiles(folder);
    this.#writer = this.#files;
  }

  entry(entry: TarEntry): void {
    const { path, type } = entry;
    this.path = path;
    if (type === "dir") this.#folder(entry);
    else if (this.#isForTar(entry)) this.#toTar(entry);
    else {
      this.#writer = this.#files;
      this.#files.write(entry);
    }
  }

  data(chunk: Buffer): void {
    this.#writer.data(chunk);
  }

  end(): void {
    this.#writer.end();
  }

  /** What tar has to get now. */
  filesForTar(): readonly Buffer[] {
    return this.#encoder.take();
  }

  /** The same after the last entry. */
  restForTar(): readonly Buffer[] {
    if (this.#withTar.size > 0) this.#encoder.finish();
    return this.#encoder.take();
  }

  /** What tar has to get when every file is there. */
  foldersForTar(): readonly Buffer[] {
    const entries = [...this.#folders.values()];
    // All or none: below a folder that is somebody else's by then we could not settle any.
    if (entries.every((entry) => this.#files.takes(entry))) return [];
    this.#folders.clear();
    for (const entry of entries) this.#encoder.entry(entry);
    this.#encoder.finish();
    return this.#encoder.take();
  }

  /** When tar has ended; children first. */
  settleFolders(): void {
    for (const entry of [...this.#folders.values()].reverse()) {
      this.path = entry.path;
      this.#files.settleFolder(entry);
    }
  }

  close(): void {
    this.#files.close();
  }

  #folder(entry: TarEntry): void {
    const { path } = entry;
    if (this.#isBelowTar(path) || this.#withTar.has(path) || !this.#files.hasRoom(path)) {
      this.#foldersWithTar.add(path);
      this.#toTar(entry);
      return;
    }
    this.#files.makeFolder(path);
    this.#folders.set(path, entry);
  }

  #isForTar(entry: TarEntry): boolean {
    const { path, type, linkname } = entry;
    if (this.#folders.has(path)) this.#forgetFolder(path);
    if (this.#withTar.size > 0) {
      if (this.#withTar.has(path) || this.#isBelowTar(path)) return true;
      if (type === "hardlink" && this.#withTar.has(linkname)) return true;
    }
    return !this.#files.takes(entry);
  }

  #isBelowTar(path: ByteString): boolean {
    return this.#foldersWithTar.size > 0 && this.#foldersWithTar.has(parentPath(path));
  }

  #toTar(entry: TarEntry): void {
    this.#withTar.add(entry.path);
    // What it is a name of must not be replaced before tar has come that far.
    if (entry.type === "hardlink") this.#withTar.add(entry.linkname);
    this.#writer = this.#encoder;
    this.#encoder.entry(entry);
  }

  /** A file takes the place of a folder. */
  #forgetFolder(path: ByteString): void {
    const below = `${path}/`;
    for (const name of this.#folders.keys()) if (name === path || name.startsWith(below)) this.#folders.delete(name);
    for (const name of this.#withTar) if (name.startsWith(below)) this.#withTar.add(path);
  }
}
