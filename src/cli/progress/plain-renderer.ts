/** Progress as lines of a log, as BuildKit's `--progress=plain` writes them: `#3 [build 2/5] COPY . /src`, `#3 DONE 0.2s`. */
import type { BuildEvent } from "../../events.js";
import { formatSeconds } from "../human-units.js";
import type { Renderer } from "./renderer.js";
import { formatProgress, type Task, TaskBoard, type TaskChange } from "./task-board.js";
import { Warnings } from "./warnings.js";

/** A task says how far it is only so often: a log is not a display. */
const PROGRESS_INTERVAL_MS = 5000;

export interface PlainRendererOptions {
  readonly write: (text: string) => void;
  readonly nowMs: () => number;
}

export class PlainRenderer implements Renderer {
  readonly #options: PlainRendererOptions;
  readonly #board: TaskBoard;
  readonly #warnings = new Warnings();
  readonly #announced = new Set<Task>();
  readonly #saidMs = new Map<Task, number>();
  /** The task of the last line. */
  #last: Task | undefined;
  #hasEnded = false;

  constructor(options: PlainRendererOptions) {
    this.#options = options;
    this.#board = new TaskBoard(options.nowMs);
  }

  onEvent(event: BuildEvent): void {
    if (this.#hasEnded) return;
    if (event.type === "warning") {
      const warning = this.#warnings.take(event);
      if (warning !== undefined) this.#options.write(`WARNING: ${warning}\n`);
      return;
    }
    const change = this.#board.apply(event);
    if (change === undefined) return;
    const lines = this.#linesOf(event, change);
    if (lines.length > 0) this.#options.write(lines.map((line) => `${line}\n`).join(""));
  }

  end(): void {
    this.#hasEnded = true;
  }

  #linesOf(event: BuildEvent, { task, lines, causes = [] }: TaskChange): string[] {
    const prefix = `#${task.number}`;
    const said = this.#announcement(task);
    for (const cause of causes) said.push(`${prefix} why: ${cause}`);
    for (const line of lines) said.push(`${prefix} ${formatElapsed(this.#options.nowMs() - task.startedMs)} ${line}`);
    if (event.type === "task-progress") {
      const now = this.#options.nowMs();
      if (now - (this.#saidMs.get(task) ?? task.startedMs) >= PROGRESS_INTERVAL_MS) {
        this.#saidMs.set(task, now);
        said.push(`${prefix} ${formatProgress(task)} ${formatSeconds(now - task.startedMs)}`);
      }
    }
    if (event.type === "task-finished") {
      const progress = formatProgress(task);
      if (progress !== undefined && task.state === "done") said.push(`${prefix} ${progress} done`);
      if (task.detail !== undefined) said.push(`${prefix} ${task.detail}`);
      said.push(`${prefix} ${formatOutcome(task)}`);
    }
    if (said.length > 0) this.#last = task;
    return said;
  }

  /** The line with the task's name when it is not out yet, after a blank line when another task is complete. */
  #announcement(task: Task): string[] {
    if (this.#announced.has(task)) return [];
    this.#announced.add(task);
    const needsSpace = this.#last !== undefined && this.#last.state !== "running";
    return [...(needsSpace ? [""] : []), `#${task.number} ${task.name}`];
  }
}

/** Seconds with three decimals, as BuildKit puts them before lines of output. */
function formatElapsed(ms: number): string {
  return (Math.max(0, ms) / 1000).toFixed(3);
}

function formatOutcome({ state, durationMs }: Task): string {
  switch (state) {
    case "cached":
      return "CACHED";
    case "cancelled":
      return "CANCELED";
    case "failed":
      return `ERROR after ${formatSeconds(durationMs ?? 0)}`;
    case "done":
    case "running":
      return `DONE ${formatSeconds(durationMs ?? 0)}`;
    default:
      return state satisfies never;
  }
}
