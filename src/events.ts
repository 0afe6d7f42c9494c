/**
 * What a build tells while it runs: the only way out for progress. The terminal renderers, `--progress=rawjson` and
 * users' `onEvent` all consume this union. Version 1: members and fields may be added, not changed.
 */
import type { Diagnostic, SourceLocation } from "./errors.js";

/** A unit of work that a user would name: resolving an image, pulling a layer, a step, an export. */
export interface TaskInfo {
  /** Unique within the build. */
  readonly id: string;
  readonly kind: "context" | "resolve" | "pull" | "step" | "export";
  /** What is shown: `[build 2/5] COPY . /src`, `exporting to app.tar`. */
  readonly name: string;
  /** Of steps: the stage's name or index, and the platform in `os/arch[/variant]` form. */
  readonly stage?: string;
  readonly platform?: string;
  readonly location?: SourceLocation;
}

export type TaskOutcome = "done" | "cached" | "failed" | "cancelled";

/** What of a file is another than before. */
export type FileChange =
  | "added"
  | "removed"
  | "renamed"
  | "type"
  | "content"
  | "target"
  | "mode"
  | "owner"
  | "attributes";

/** Why a step was not found in the cache: one cause, maybe of several. */
export interface MissCause {
  readonly kind: /** A file that the step reads; `subject` is its path, or that of a folder with all that it holds. */
    | "file"
    /** Further files, which are not listed. */
    | "files"
    /** What a URL, a repository or another stage gives. */
    | "source"
    /** A variable that the command sees: an ARG or ENV. */
    | "variable"
    /** A part of the instruction. */
    | "instruction"
    /** An option of the build. */
    | "option"
    /** The image, stage or context that the stage starts from. */
    | "base"
    /** A step before it. */
    | "earlier-step"
    /** No earlier build had this step. */
    | "new-step"
    /** Nothing is known of an earlier build. */
    | "first-build"
    /** The result is known, and no longer in the store. */
    | "lost"
    /** The build was told not to look. */
    | "no-cache"
    | "unknown";
  readonly subject?: string;
  /** Of files: the first of what changed. */
  readonly change?: FileChange;
  /** Absent where there was, or is, nothing, and where the value may be a secret. */
  readonly before?: string;
  readonly after?: string;
  /** All of it in one line. */
  readonly text: string;
}

export type BuildEvent =
  /** All steps that the plan holds, before the first starts. */
  | { readonly type: "plan"; readonly version: 1; readonly tasks: readonly TaskInfo[] }
  | { readonly type: "task-started"; readonly task: TaskInfo; readonly timeMs: number }
  | {
      readonly type: "task-progress";
      readonly id: string;
      /** Bytes or files so far; `total` is absent when unknown. */
      readonly current: number;
      readonly total?: number;
      readonly unit: "bytes" | "files";
    }
  /** Only when asked for (`explain`): why the step of this task has to run. */
  | { readonly type: "cache-miss"; readonly id: string; readonly causes: readonly MissCause[] }
  | {
      readonly type: "task-output";
      readonly id: string;
      readonly stream: "stdout" | "stderr";
      readonly chunk: Uint8Array;
    }
  | {
      readonly type: "task-finished";
      readonly id: string;
      readonly outcome: TaskOutcome;
      readonly timeMs: number;
      /** One line about the result: a digest, a size. */
      readonly detail?: string;
      /** Of a RUN that printed something: the file in the store that holds all of it, absolute. */
      readonly log?: string;
    }
  | {
      readonly type: "warning";
      readonly message: string;
      readonly diagnostic?: Diagnostic;
      readonly location?: SourceLocation;
    };

/**
 * Told of each event at once. A promise that it returns for `task-output` is waited for before more of the command's output is
 * read, so that who takes it slowly keeps the command waiting, and nothing piles up in memory; for other events it is not.
 */
export type OnEvent = (event: BuildEvent) => unknown;
