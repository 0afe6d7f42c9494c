/**
 * Opens a build context: its tree with the ignore file applied, and the Dockerfile. Which of both is read from where is
 * what `docker buildx build` does with `PATH`, `URL`, `-` and `--file`.
 */
import { createReadStream, realpathSync } from "node:fs";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import type { FileTree } from "../tree/file-tree.js";
import { filteredTree } from "../tree/filtered-tree.js";
import { gitModes } from "../tree/git-modes.js";
import type { ContextSource, FileSelection } from "./context-source.js";
import { dirTree } from "./dir-tree.js";
import { DOCKERIGNORE, type IgnoreFile, readIgnoreFile } from "./dockerignore.js";
import { existingFolder } from "./existing-folder.js";
import { DEFAULT_DOCKERFILE, type DockerfileText, findDockerfile, readDockerfile } from "./find-dockerfile.js";
import type { GitTarget } from "./git/git-checkouts.js";
import type { OpenContextOptions } from "./open-context-options.js";
import { openRaw, remoteOf, stdinOf } from "./open-raw.js";
import { readStreamText } from "./peek-stream.js";
import type { RawContext } from "./raw-context.js";
import { shownUrl } from "./single-file.js";
import type { StatCache } from "./stat-cache.js";

export interface OpenedContext extends AsyncDisposable {
  /** What COPY and ADD see. */
  readonly tree: FileTree;
  /** The same with what the ignore file leaves out. */
  readonly unfiltered: FileTree;
  readonly dockerfile: DockerfileText;
  /** The ignore file in force; `undefined` when there is none. */
  readonly ignoreFile: IgnoreFile | undefined;
  /** The folder, with links resolved, for contexts that are one: the stat cache belongs to it. */
  readonly root: string | undefined;
  /** What a context from a repository is. */
  readonly git: GitTarget | undefined;
  /** Releases files; the tree must not be used afterwards. Can be called twice. */
  close(): Promise<void>;
}

/**
 * Opens `source`. The caller closes the result.
 * @throws CONTEXT_NOT_FOUND, CONTEXT_INVALID, CONTEXT_IGNORE_INVALID, CONTEXT_UNREADABLE; DOCKERFILE_NOT_FOUND,
 * DOCKERFILE_TOO_LARGE; OPTIONS_INVALID when standard input would have to be two things; TAR_INVALID, TAR_LIMIT,
 * COMPRESSION_UNSUPPORTED, LIMIT_EXCEEDED for archives; CONTEXT_FETCH for URLs
 */
export async function openContext(source: ContextSource, options: OpenContextOptions): Promise<OpenedContext> {
  options.signal?.throwIfAborted();
  const raw = await openRaw(source, options);
  try {
    const { dockerfile, tree: dockerfileTree } = await dockerfileFor(raw, options);
    const ignoreFile = raw.readsIgnoreFile ? ignoreFileFor(raw.tree, dockerfileTree, dockerfile) : undefined;
    const all = await selectedTree(raw, "selection" in source ? source.selection : undefined);
    const selected = options.modes === "git" ? gitModes(all) : all;
    const tree = ignoreFile === undefined ? selected : filteredTree(selected, ignoreFile.matcher, ignoreFile.name);
    const close = async (): Promise<void> => raw.close();
    return {
      tree,
      unfiltered: selected,
      dockerfile,
      ignoreFile,
      root: raw.root,
      git: raw.git,
      close,
      [Symbol.asyncDispose]: close,
    };
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
  if (file !== undefined && /^https?:\/\//.test(file)) {
    const { path } = await remoteOf(options, file).fetch(file);
    const text = await readStreamText(createReadStream(path));
    return { dockerfile: { name: shownUrl(file), path: undefined, text }, tree: undefined };
  }
  if (raw.dockerfilePath !== undefined) {
    const name = raw.dockerfilePath;
    return { dockerfile: readDockerfile(raw.tree, name, name), tree: raw.tree };
  }
  const place = file === undefined ? { tree: raw.tree, path: DEFAULT_DOCKERFILE } : placeOf(file, raw, options.cwd);
  const path = findDockerfile(place.tree, place.path);
  return { dockerfile: readDockerfile(place.tree, path, file ?? path), tree: place.tree };
}

/** The tree in which the Dockerfile `file` is: the context, or the folder that it lies in. */
function placeOf(file: string, raw: RawContext, cwd: string): { tree: FileTree; path: string } {
  const isLocal = raw.root !== undefined || (raw.isRemote === true && isAbsolute(file));
  if (!isLocal) return { tree: raw.tree, path: file };
  const absolute = resolve(cwd, file);
  let folder: string;
  try {
    folder = realpathSync(dirname(absolute));
  } catch {
    folder = dirname(absolute);
  }
  const outside = {
    tree: dirTree(folder, { label: `the folder of the Dockerfile "${file}"` }),
    path: basename(absolute),
  };
  if (raw.root === undefined) return outside;
  const inContext = relative(raw.root, join(folder, basename(absolute)));
  const isOutside = inContext === ".." || inContext.startsWith(`..${sep}`) || isAbsolute(inContext);
  if (!isOutside) return { tree: dirTree(raw.root), path: inContext.split(sep).join("/") };
  return outside;
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
