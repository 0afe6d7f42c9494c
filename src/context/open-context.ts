/**
 * Opens a build context: its tree with the ignore file applied, and the Dockerfile. Which of both is read from where is
 * what `docker buildx build` does with `PATH`, `-` and `--file`.
 */
import { randomUUID } from "node:crypto";
import { closeSync, openSync, readSync, realpathSync, rmSync, statSync } from "node:fs";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import type { Duplex, Readable } from "node:stream";
import { OcibuildError } from "../errors.js";
import type { FileTree } from "../tree/file-tree.js";
import { filteredTree } from "../tree/filtered-tree.js";
import type { ContextSource, FileSelection } from "./context-source.js";
import { dirTree } from "./dir-tree.js";
import { DOCKERIGNORE, type IgnoreFile, readIgnoreFile } from "./dockerignore.js";
import { DEFAULT_DOCKERFILE, type DockerfileText, findDockerfile, readDockerfile } from "./find-dockerfile.js";
import { memoryTree } from "./memory-tree.js";
import { peekStream, readStreamText } from "./peek-stream.js";
import {
  ARCHIVE_HEAD_BYTES,
  type ArchiveFormat,
  detectArchive,
  spoolArchive,
  spoolArchiveFile,
} from "./spool-archive.js";
import type { StatCache } from "./stat-cache.js";
import { openTarTree } from "./tar-tree.js";

export interface OpenContextOptions {
  /** Relative paths count from here. */
  readonly cwd: string;
  /** An existing folder where an archive may lie while the context is open. */
  readonly tempDir: string;
  /**
   * `--file`: `-` for standard input; for a folder a path of this machine, for other contexts a path in the context.
   * Without it the `Dockerfile` at the context's root.
   */
  readonly file?: string | undefined;
  /** The Dockerfile's text itself; nothing is looked for then. */
  readonly dockerfile?: string | undefined;
  readonly stdin?: Readable | undefined;
  readonly statCache?: StatCache | undefined;
  /** Most bytes of an uncompressed archive; 64 GiB without it. */
  readonly archiveLimitBytes?: number | undefined;
  /** For archives in formats that Node does not read. */
  readonly decompressor?: ((format: ArchiveFormat) => Duplex | undefined) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface OpenedContext extends AsyncDisposable {
  /** What COPY and ADD see. */
  readonly tree: FileTree;
  readonly dockerfile: DockerfileText;
  /** The ignore file in force; `undefined` when there is none. */
  readonly ignoreFile: IgnoreFile | undefined;
  /** The folder, with links resolved, for contexts that are one: the stat cache belongs to it. */
  readonly root: string | undefined;
  /** Releases files; the tree must not be used afterwards. Can be called twice. */
  close(): Promise<void>;
}

/** A tree before the ignore file is applied. */
interface RawContext {
  readonly tree: FileTree;
  readonly root: string | undefined;
  /** Archives are taken as they are: BuildKit reads no ignore file in them. */
  readonly readsIgnoreFile: boolean;
  readonly close: () => void;
  /** When the Dockerfile came in place of the context. */
  readonly dockerfile?: string;
}

const DEFAULT_ARCHIVE_LIMIT = 64 * 1024 ** 3;

/**
 * Opens `source`. The caller closes the result.
 * @throws CONTEXT_NOT_FOUND, CONTEXT_INVALID, CONTEXT_IGNORE_INVALID, CONTEXT_UNREADABLE; DOCKERFILE_NOT_FOUND,
 * DOCKERFILE_TOO_LARGE; OPTIONS_INVALID when standard input would have to be two things; TAR_INVALID, TAR_LIMIT,
 * COMPRESSION_UNSUPPORTED, LIMIT_EXCEEDED for archives
 */
export async function openContext(source: ContextSource, options: OpenContextOptions): Promise<OpenedContext> {
  options.signal?.throwIfAborted();
  const raw = await openRaw(source, options);
  try {
    const { dockerfile, tree: dockerfileTree } = await dockerfileFor(raw, options);
    const ignoreFile = raw.readsIgnoreFile ? ignoreFileFor(raw.tree, dockerfileTree, dockerfile) : undefined;
    const selected = await selectedTree(raw, "selection" in source ? source.selection : undefined);
    const tree = ignoreFile === undefined ? selected : filteredTree(selected, ignoreFile.matcher, ignoreFile.name);
    const close = async (): Promise<void> => raw.close();
    return { tree, dockerfile, ignoreFile, root: raw.root, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    raw.close();
    throw error;
  }
}

/** A folder as a named context (`--build-context NAME=PATH`), with its own `.dockerignore`. */
export function openNamedFolder(
  name: string,
  path: string,
  options: { readonly cwd: string; readonly statCache?: StatCache | undefined },
): { readonly tree: FileTree; readonly root: string } {
  const root = existingFolder(path, options.cwd);
  const tree = dirTree(root, { label: `the build context "${name}"`, statCache: options.statCache });
  const ignoreFile = readIgnoreFile(tree, DOCKERIGNORE);
  const listName = `${DOCKERIGNORE} of the build context "${name}"`;
  return { tree: ignoreFile === undefined ? tree : filteredTree(tree, ignoreFile.matcher, listName), root };
}

/** The Dockerfile and the ignore file need not be selected, so this comes after they are read. */
async function selectedTree(raw: RawContext, selection: FileSelection | undefined): Promise<FileTree> {
  if (selection === undefined) return raw.tree;
  const { selectFiles } = await import("./select-files.js");
  return selectFiles(raw.tree, selection, raw.root);
}

async function openRaw(source: ContextSource, options: OpenContextOptions): Promise<RawContext> {
  switch (source.kind) {
    case "dir": {
      const root = existingFolder(source.path, options.cwd);
      const tree = dirTree(root, { statCache: options.statCache });
      return { tree, root, readsIgnoreFile: true, close: () => {} };
    }
    case "memory":
      return { tree: memoryTree(source.files), root: undefined, readsIgnoreFile: true, close: () => {} };
    case "empty":
      return { tree: memoryTree({}), root: undefined, readsIgnoreFile: false, close: () => {} };
    case "tar":
      return openTarFile(resolve(options.cwd, source.file), options);
    case "tar-stream":
      return openTarStream(source.stream, options);
    case "stdin":
      return openStdin(options);
  }
}

async function openStdin(options: OpenContextOptions): Promise<RawContext> {
  const stdin = stdinOf(options);
  if (options.file === "-") throw stdinTwice("the build context and the Dockerfile");
  const { head, stream } = await peekStream(stdin, ARCHIVE_HEAD_BYTES);
  if (detectArchive(head) !== undefined) return openArchiveStream(head, stream, options);
  if (options.file !== undefined || options.dockerfile !== undefined)
    throw stdinTwice("the Dockerfile, as --file does");
  return {
    tree: memoryTree({}),
    root: undefined,
    readsIgnoreFile: false,
    close: () => {},
    dockerfile: await readStreamText(stream),
  };
}

async function openTarStream(archive: Readable, options: OpenContextOptions): Promise<RawContext> {
  const { head, stream } = await peekStream(archive, ARCHIVE_HEAD_BYTES);
  return openArchiveStream(head, stream, options);
}

async function openArchiveStream(head: Buffer, stream: Readable, options: OpenContextOptions): Promise<RawContext> {
  const format = detectArchive(head) ?? "tar";
  return openSpooled(options, (target) => spoolArchive(stream, format, target, spoolOptions(options)));
}

async function openTarFile(file: string, options: OpenContextOptions): Promise<RawContext> {
  const format = detectArchive(headOf(file)) ?? "tar";
  if (format !== "tar") {
    return openSpooled(options, (target) => spoolArchiveFile(file, format, target, spoolOptions(options)));
  }
  const { tree, close } = await openTarTree(file, { signal: options.signal });
  return { tree, root: undefined, readsIgnoreFile: false, close };
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
    decompressor: options.decompressor,
  };
}

async function dockerfileFor(
  raw: RawContext,
  options: OpenContextOptions,
): Promise<{ dockerfile: DockerfileText; tree: FileTree | undefined }> {
  const given = options.dockerfile ?? raw.dockerfile;
  if (given !== undefined)
    return { dockerfile: { name: DEFAULT_DOCKERFILE, path: undefined, text: given }, tree: undefined };
  const { file } = options;
  if (file === "-") {
    const text = await readStreamText(stdinOf(options));
    return { dockerfile: { name: DEFAULT_DOCKERFILE, path: undefined, text }, tree: undefined };
  }
  const place = file === undefined ? { tree: raw.tree, path: DEFAULT_DOCKERFILE } : placeOf(file, raw, options.cwd);
  const path = findDockerfile(place.tree, place.path);
  return { dockerfile: readDockerfile(place.tree, path, file ?? path), tree: place.tree };
}

/** The tree in which the Dockerfile `file` is: the context, or the folder that it lies in. */
function placeOf(file: string, raw: RawContext, cwd: string): { tree: FileTree; path: string } {
  if (raw.root === undefined) return { tree: raw.tree, path: file };
  const absolute = resolve(cwd, file);
  let folder: string;
  try {
    folder = realpathSync(dirname(absolute));
  } catch {
    folder = dirname(absolute);
  }
  const inContext = relative(raw.root, join(folder, basename(absolute)));
  const isOutside = inContext === ".." || inContext.startsWith(`..${sep}`) || isAbsolute(inContext);
  if (!isOutside) return { tree: dirTree(raw.root), path: inContext.split(sep).join("/") };
  return { tree: dirTree(folder, { label: `the folder of the Dockerfile "${file}"` }), path: basename(absolute) };
}

/** `<Dockerfile>.dockerignore` beside the Dockerfile, even when it is empty, else `.dockerignore` in the context. */
function ignoreFileFor(
  context: FileTree,
  dockerfileTree: FileTree | undefined,
  dockerfile: DockerfileText,
): IgnoreFile | undefined {
  if (dockerfileTree !== undefined && dockerfile.path !== undefined) {
    const name = `${dockerfile.name}${DOCKERIGNORE}`;
    const own = readIgnoreFile(dockerfileTree, `${dockerfile.path}${DOCKERIGNORE}`, { name });
    if (own !== undefined) return own;
  }
  return readIgnoreFile(context, DOCKERIGNORE);
}

function existingFolder(path: string, cwd: string): string {
  const absolute = resolve(cwd, path);
  try {
    if (statSync(absolute).isDirectory()) return realpathSync(absolute);
  } catch (cause) {
    throw notFound(path, "there is nothing", cause);
  }
  throw notFound(path, "a file", undefined);
}

function headOf(file: string): Buffer {
  const head = Buffer.alloc(ARCHIVE_HEAD_BYTES);
  let fd: number;
  try {
    if (!statSync(file).isFile()) throw notFound(file, "something else", undefined);
    fd = openSync(file, "r");
  } catch (cause) {
    throw cause instanceof OcibuildError ? cause : notFound(file, "there is nothing", cause);
  }
  try {
    return head.subarray(0, readSync(fd, head, 0, head.length, 0));
  } finally {
    closeSync(fd);
  }
}

function stdinOf(options: OpenContextOptions): Readable {
  if (options.stdin !== undefined) return options.stdin;
  throw new OcibuildError("OPTIONS_INVALID", 'expected a standard input for "-", but there is none', {
    details: { option: "context" },
  });
}

function stdinTwice(what: string): OcibuildError<"OPTIONS_INVALID"> {
  return new OcibuildError("OPTIONS_INVALID", `standard input cannot be ${what} at the same time`, {
    details: { option: "file" },
    hint: "Pass one of them by its path.",
  });
}

function notFound(path: string, got: string, cause: unknown): OcibuildError<"CONTEXT_NOT_FOUND"> {
  return new OcibuildError("CONTEXT_NOT_FOUND", `expected the build context at "${path}", but got ${got}`, {
    details: { path },
    ...(cause === undefined ? {} : { cause }),
  });
}

function once(call: () => void): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    call();
  };
}
