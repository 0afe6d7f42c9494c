/** Build contexts as values: where the files of a build come from. Nothing is read until a build opens them. */
import type { Readable } from "node:stream";
import { OcibuildError } from "../errors.js";
import { parseGitContext } from "./git/git-url.js";
import type { MemoryFiles } from "./memory-tree.js";

/** Which files belong to the context, in the glob language of JavaScript tools. */
export interface FileSelection {
  /** Only what matches one of these globs (fast-glob's language); everything without it. */
  readonly include?: readonly string[];
  /** Without what matches one of these globs. */
  readonly exclude?: readonly string[];
  /** Without what the `.gitignore` files in it ignore, and without `.git`. */
  readonly gitignore?: boolean;
}

interface Selectable {
  /** Everything without it. */
  readonly selection?: FileSelection | undefined;
}

export type ContextSource =
  | ({ readonly kind: "dir"; readonly path: string } & Selectable)
  | ({ readonly kind: "tar"; readonly file: string } & Selectable)
  | ({ readonly kind: "tar-stream"; readonly stream: Readable } & Selectable)
  | ({ readonly kind: "memory"; readonly files: MemoryFiles } & Selectable)
  /** A repository as `parseGitContext` reads it; may hold credentials. */
  | ({ readonly kind: "git"; readonly url: string } & Selectable)
  /** An archive, or a Dockerfile. */
  | ({ readonly kind: "http"; readonly url: string } & Selectable)
  | { readonly kind: "stdin" }
  | { readonly kind: "empty" };

/** The folder `path` as a build context. `.dockerignore` counts as always; `selection` narrows it further. */
export function dir(path: string, selection?: FileSelection): ContextSource {
  return { kind: "dir", path, selection };
}

/** A build context made of values: path → content or entry. */
export function memory(files: MemoryFiles, selection?: FileSelection): ContextSource {
  return { kind: "memory", files, selection };
}

/** A tar archive (also compressed) as a build context: a file's path, or a stream that is read once. */
export function tar(archive: string | Readable, selection?: FileSelection): ContextSource {
  if (typeof archive === "string") return { kind: "tar", file: archive, selection };
  return { kind: "tar-stream", stream: archive, selection };
}

/**
 * A git repository as a build context: `https://host/repo.git#ref:folder`, with `?ref=…&subdir=…&submodules=…` too, or
 * `user@host:path`. No `.dockerignore` is read in it.
 */
export function git(url: string, selection?: FileSelection): ContextSource {
  return { kind: "git", url, selection };
}

/** What a web server gives as a build context: an archive, or a Dockerfile that needs no other file. */
export function http(url: string, selection?: FileSelection): ContextSource {
  return { kind: "http", url, selection };
}

/**
 * What `PATH | URL | -` on a command line means.
 * @throws OPTIONS_INVALID for the URL of a repository with a wrong query
 */
export function parseContextSource(text: string): ContextSource {
  if (text === "-") return { kind: "stdin" };
  const repository = parseGitContext(text);
  if (repository !== undefined && "problem" in repository) {
    throw new OcibuildError("OPTIONS_INVALID", `build context: ${repository.problem}`, {
      details: { option: "context" },
    });
  }
  if (repository !== undefined) return git(text);
  if (/^https?:\/\//i.test(text) && URL.canParse(text)) return http(text);
  return dir(text);
}
