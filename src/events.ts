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
    }
  | {
      readonly type: "warning";
      readonly message: string;
      readonly diagnostic?: Diagnostic;
      readonly location?: SourceLocation;
    };

export type OnEvent = (event: BuildEvent) => void;
