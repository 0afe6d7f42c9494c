/** What the build context of a build holds, what is left out of it, and which line of which ignore file says so. */
import { type ContextListing, listContext } from "./context/list-context.js";
import type { OpenedContext } from "./context/open-context.js";
import { isOcibuildError } from "./errors.js";
import type { BuildOptions } from "./options.js";
import { openFront, openSurroundings, type Surroundings } from "./prepare.js";
import type { IgnoreRule } from "./tree/ignore-matcher.js";
import { treePath } from "./tree/paths.js";
import { bytesOf, textOf } from "./util/bytes.js";

export interface ContextReport extends ContextListing {
  readonly version: 1;
  /** The folder, for contexts that are one. */
  readonly root?: string;
  /** The ignore file in force. */
  readonly ignoreFile?: string;
}

/** Why a path is in the build context, or is not. */
export interface PathReport {
  /** In the context. */
  readonly path: string;
  /** Whether there is such a file or folder, in the context or left out of it. */
  readonly exists: boolean;
  /** Whether COPY and ADD see it. */
  readonly isKept: boolean;
  /** The rule that decides; absent where no rule matches, which keeps it. */
  readonly rule?: IgnoreRule & { readonly file: string };
}

export type ContextOptions = Pick<
  BuildOptions,
  "context" | "file" | "dockerfile" | "root" | "cwd" | "stdin" | "secrets" | "ssh" | "onEvent" | "signal"
>;

/** @throws CONTEXT_…, OPTIONS_…; the signal's reason. A missing Dockerfile is none of its business */
export function runContextReport(options: ContextOptions): Promise<ContextReport> {
  return withContext(options, ({ unfiltered, ignoreFile, root }) => {
    const { kept, leftOut, rules, unreadable } = listContext(unfiltered, ignoreFile?.matcher);
    return {
      version: 1,
      ...(root === undefined ? {} : { root }),
      ...(ignoreFile === undefined ? {} : { ignoreFile: ignoreFile.name }),
      kept,
      leftOut,
      rules,
      unreadable,
    };
  });
}

/** Why each of `paths` (in the context) is there or not. @throws CONTEXT_…, OPTIONS_…; the signal's reason */
export function runPathReports(options: ContextOptions, paths: readonly string[]): Promise<readonly PathReport[]> {
  return withContext(options, ({ tree, unfiltered, ignoreFile }) =>
    paths.map((written) => {
      const path = treePath(bytesOf(written));
      const exists = unfiltered.lstat(path) !== undefined;
      const decision = ignoreFile?.matcher.decide(path);
      const rule = decision?.rule && ignoreFile && { ...decision.rule, file: ignoreFile.name };
      const isKept = exists ? tree.lstat(path) !== undefined : decision?.matched !== true;
      return { path: textOf(path), exists, isKept, ...(rule && { rule }) };
    }),
  );
}

async function withContext<T>(options: ContextOptions, use: (context: OpenedContext) => T): Promise<T> {
  try {
    await using surroundings = await openSurroundings(options);
    await using front = await openAnyFront(surroundings, options);
    return use(front.main);
  } catch (error) {
    // What breaks because of the abort is not what the caller wants to hear of.
    options.signal?.throwIfAborted();
    throw error;
  }
}

/** What is in a folder can be told without a Dockerfile, too; one that is named must be there. */
async function openAnyFront(surroundings: Surroundings, options: ContextOptions): ReturnType<typeof openFront> {
  try {
    return await openFront(surroundings, options);
  } catch (error) {
    if (options.file !== undefined || !isOcibuildError(error, "DOCKERFILE_NOT_FOUND")) throw error;
    return openFront(surroundings, { ...options, dockerfile: "" });
  }
}
