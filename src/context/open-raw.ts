/** Opens a build context of any kind, without its Dockerfile and ignore file. */
import { resolve } from "node:path";
import type { Readable } from "node:stream";
import { OcibuildError } from "../errors.js";
import { headOf, openArchiveStream, openTarFile, openTarStream } from "./archive-context.js";
import type { ContextSource } from "./context-source.js";
import { dirTree } from "./dir-tree.js";
import { existingFolder, isFolder } from "./existing-folder.js";
import type { GitTarget } from "./git/git-checkouts.js";
import { parseGitContext } from "./git/git-url.js";
import { memoryTree } from "./memory-tree.js";
import type { OpenContextOptions, RemoteReader } from "./open-context-options.js";
import { peekStream, readStreamText } from "./peek-stream.js";
import type { RawContext } from "./raw-context.js";
import { shownUrl, singleFileTree, urlBaseName } from "./single-file.js";
import { ARCHIVE_HEAD_BYTES, detectArchive } from "./spool-archive.js";

/** Opens `source`. The caller calls `close`. @throws like `openContext` */
export async function openRaw(source: ContextSource, options: OpenContextOptions): Promise<RawContext> {
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
    case "git":
      return openGit(source.url, options);
    case "http":
      return openHttp(source.url, options);
    default:
      return source satisfies never;
  }
}

/** Standard input, for who needs it. @throws OPTIONS_INVALID when there is none */
export function stdinOf(options: OpenContextOptions): Readable {
  if (options.stdin !== undefined) return options.stdin;
  throw new OcibuildError("OPTIONS_INVALID", 'expected a standard input for "-", but there is none', {
    details: { option: "context" },
  });
}

/** The way to other machines. @throws OPTIONS_UNSUPPORTED when there is none */
export function remoteOf(options: OpenContextOptions, url: string): RemoteReader {
  if (options.remote !== undefined) return options.remote;
  throw new OcibuildError("OPTIONS_UNSUPPORTED", `nothing here reads "${shownUrl(url)}"`, {
    details: { option: "context" },
  });
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

async function openGit(url: string, options: OpenContextOptions): Promise<RawContext> {
  const git = parseGitContext(url);
  if (git === undefined || "problem" in git) {
    const problem = git === undefined ? "it is not the URL of a git repository" : git.problem;
    throw new OcibuildError("OPTIONS_INVALID", `the build context "${shownUrl(url)}" cannot be read: ${problem}`, {
      details: { option: "context" },
    });
  }
  // What looks like a path may be one.
  if (!url.includes(":") && isFolder(url, options.cwd)) return openRaw({ kind: "dir", path: url }, options);
  const target: GitTarget = {
    ...git,
    keepGitDir: git.keepGitDir === true || options.keepGitDir === true,
    submodules: git.submodules ?? true,
  };
  const tree = await remoteOf(options, url).gitTree(target);
  return { tree, root: undefined, readsIgnoreFile: false, isRemote: true, git: target, close: () => {} };
}

/** An archive is unpacked; anything else is the Dockerfile of a context that has nothing but it. */
async function openHttp(url: string, options: OpenContextOptions): Promise<RawContext> {
  const file = await remoteOf(options, url).fetch(url);
  if (options.isNamed !== true && detectArchive(headOf(file.path)) !== undefined) {
    return { ...(await openTarFile(file.path, options)), isRemote: true };
  }
  const name = options.isNamed === true ? (file.proposedName ?? urlBaseName(url) ?? "download") : "context";
  return {
    tree: singleFileTree(name, file, `"${shownUrl(url)}"`),
    root: undefined,
    readsIgnoreFile: false,
    isRemote: true,
    close: () => {},
    dockerfilePath: name,
  };
}

function stdinTwice(what: string): OcibuildError<"OPTIONS_INVALID"> {
  return new OcibuildError("OPTIONS_INVALID", `standard input cannot be ${what} at the same time`, {
    details: { option: "file" },
    hint: "Pass one of them by its path.",
  });
}
