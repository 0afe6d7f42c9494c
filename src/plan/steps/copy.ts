/** COPY and ADD. */
import type { JsonObject } from "../../util/canonical-json.js";
import { hideCredentials } from "../../util/hide-credentials.js";
import { type FileSource, projectFileSource } from "../file-source.js";
import { urlFileName } from "../url-file-name.js";
import type { StepBase } from "./step-base.js";

export interface CopyStep extends StepBase<"copy"> {
  readonly instruction: "COPY" | "ADD";
  readonly from: FileSource;
  /** In the order they are written; inline files after all others. */
  readonly sources: readonly CopySource[];
  /** Absolute and clean (WORKDIR applied); a trailing slash is kept, it means "a directory". */
  readonly destination: string;
  /** `user[:group]`, names or numbers, as expanded. */
  readonly chown: string | undefined;
  /** Octal or symbolic, as expanded, and checked. */
  readonly chmod: string | undefined;
  readonly link: boolean;
  readonly parents: boolean;
  /** As written: variables are not expanded here. */
  readonly exclude: readonly string[];
}

export type CopySource =
  /**
   * A path or Go-style pattern relative to the source's root, as expanded. It may begin with `/` and hold `..`, which
   * stop at that root; with `parents`, what follows the first `/./` is kept at the destination.
   */
  | { readonly kind: "path"; readonly pattern: string; readonly unpack: boolean }
  /** A file written in the Dockerfile; `name` is one path component. */
  | { readonly kind: "inline"; readonly name: string; readonly content: string }
  | {
      readonly kind: "http";
      readonly url: string;
      /** `algorithm:hex`, checked for form. */
      readonly checksum: string | undefined;
      readonly unpack: boolean;
    }
  | GitSource;

export interface GitSource {
  readonly kind: "git";
  /** What git is given: a URL without query and fragment, or `user@host:path`. May hold credentials. */
  readonly remote: string;
  /** Branch, tag, full ref or commit; `undefined` for the default branch. */
  readonly ref: string | undefined;
  /** Relative; empty for the whole tree. */
  readonly subdirectory: string;
  readonly keepGitDir: boolean;
  readonly submodules: boolean;
  /** Commit (or its first digits) that must come out. */
  readonly checksum: string | undefined;
}

/** Cache projection: the sources' content is not here, it enters the key as input digests. */
export function projection(step: CopyStep): JsonObject {
  return {
    instruction: step.instruction,
    from: projectFileSource(step.from),
    sources: step.sources.map(projectSource),
    destination: step.destination,
    chown: step.chown ?? null,
    chmod: step.chmod ?? null,
    link: step.link,
    parents: step.parents,
    exclude: step.exclude,
  };
}

function projectSource(source: CopySource): JsonObject {
  switch (source.kind) {
    case "path":
      return { kind: "path", pattern: source.pattern, unpack: source.unpack };
    case "inline":
      return { kind: "inline", name: source.name, content: source.content };
    case "http":
      // A URL can hold secrets, and what comes from it enters the key as its digest.
      return { kind: "http", name: urlFileName(source.url), unpack: source.unpack };
    case "git":
      // The commit is the digest.
      return {
        kind: "git",
        subdirectory: source.subdirectory,
        keepGitDir: source.keepGitDir,
        submodules: source.submodules,
      };
    default:
      return source satisfies never;
  }
}

/** The history line: sources and destination as expanded, without the credentials of URLs (threat C12). */
export function copyHistory(
  step: Pick<CopyStep, "instruction" | "parents" | "chown" | "chmod">,
  words: readonly string[],
): string {
  const flags = [
    ...(step.parents ? ["--parents"] : []),
    ...(step.chown === undefined ? [] : [`--chown=${step.chown}`]),
    ...(step.chmod === undefined ? [] : [`--chmod=${step.chmod}`]),
  ];
  return [step.instruction, ...flags, ...words.map(hideCredentials)].join(" ");
}
