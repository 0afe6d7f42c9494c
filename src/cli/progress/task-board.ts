/** What the events of a build add up to: its tasks in the order they began, and how far each is. */
import type { BuildEvent, TaskInfo, TaskOutcome } from "../../events.js";
import { formatBytes } from "../human-units.js";
import { safeLine } from "../terminal-text.js";
import { OutputLines } from "./output-lines.js";

export interface Task {
  /** 1-based, in the order of starting. */
  readonly number: number;
  /** Safe to show, in one line. */
  readonly name: string;
  /** By the clock of the terminal. */
  readonly startedMs: number;
  state: "running" | TaskOutcome;
  /** How long it took; only when it has finished. */
  durationMs: number | undefined;
  /** Safe to show, in one line. */
  detail: string | undefined;
  progress: Progress | undefined;
}

interface Progress {
  readonly current: number;
  readonly total: number | undefined;
  readonly unit: "bytes" | "files";
}

/** What one event meant for its task. */
export interface TaskChange {
  readonly task: Task;
  /** Lines of output that the event completed. */
  readonly lines: readonly string[];
  /** Why the task has to run, each cause in one line that is safe to show. */
  readonly causes?: readonly string[];
}

interface Entry {
  readonly task: Task;
  readonly startTimeMs: number;
  readonly outputs: Map<string, OutputLines>;
}

export class TaskBoard {
  readonly #nowMs: () => number;
  readonly #entries = new Map<string, Entry>();
  readonly #planned = new Map<string, TaskInfo>();
  #finished = 0;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** In the order of starting. */
  get tasks(): Task[] {
    return [...this.#entries.values()].map(({ task }) => task);
  }

  /** Tasks that have finished, whatever became of them. */
  get finishedCount(): number {
    return this.#finished;
  }

  /** Tasks that are planned or have started. */
  get totalCount(): number {
    let total = this.#entries.size;
    for (const id of this.#planned.keys()) if (!this.#entries.has(id)) total++;
    return total;
  }

  /** Takes an event in; the task that it is about, if it is about one. */
  apply(event: BuildEvent): TaskChange | undefined {
    switch (event.type) {
      case "plan":
        for (const task of event.tasks) this.#planned.set(task.id, task);
        return undefined;
      case "task-started":
        return { task: this.#start(event.task, event.timeMs).task, lines: [] };
      case "task-progress": {
        const entry = this.#entries.get(event.id);
        if (entry === undefined) return undefined;
        entry.task.progress = { current: event.current, total: event.total, unit: event.unit };
        return { task: entry.task, lines: [] };
      }
      case "cache-miss": {
        const entry = this.#entries.get(event.id);
        if (entry === undefined) return undefined;
        return { task: entry.task, lines: [], causes: event.causes.map(({ text }) => safeLine(text)) };
      }
      case "task-output": {
        const entry = this.#entries.get(event.id);
        if (entry === undefined) return undefined;
        const output = entry.outputs.get(event.stream) ?? new OutputLines();
        entry.outputs.set(event.stream, output);
        return { task: entry.task, lines: output.push(event.chunk) };
      }
      case "task-finished":
        return this.#finish(event);
      case "warning":
        return undefined;
      default:
        return event satisfies never;
    }
  }

  #start(info: TaskInfo, timeMs: number): Entry {
    const known = this.#entries.get(info.id);
    if (known !== undefined) {
      // A build whose store had lost something begins again.
      if (known.task.state !== "running") this.#finished--;
      known.task.state = "running";
      return known;
    }
    const task: Task = {
      number: this.#entries.size + 1,
      name: safeLine(info.name),
      startedMs: this.#nowMs(),
      state: "running",
      durationMs: undefined,
      detail: undefined,
      progress: undefined,
    };
    const entry: Entry = { task, startTimeMs: timeMs, outputs: new Map() };
    this.#entries.set(info.id, entry);
    return entry;
  }

  #finish(event: BuildEvent & { readonly type: "task-finished" }): TaskChange | undefined {
    const planned = this.#planned.get(event.id);
    const entry =
      this.#entries.get(event.id) ?? (planned === undefined ? undefined : this.#start(planned, event.timeMs));
    if (entry === undefined || entry.task.state !== "running") return undefined;
    const { task, outputs } = entry;
    const lines = [...outputs.values()].flatMap((output) => output.end());
    task.state = event.outcome;
    task.durationMs = Math.max(0, event.timeMs - entry.startTimeMs);
    task.detail = event.detail === undefined ? undefined : safeLine(event.detail);
    this.#finished++;
    return { task, lines };
  }
}

/** `1.2MB / 3MB`, `12 / 40 files`; `undefined` when nothing is known. */
export function formatProgress({ progress }: Task): string | undefined {
  if (progress === undefined) return undefined;
  const { current, total, unit } = progress;
  if (unit === "bytes")
    return total === undefined ? formatBytes(current) : `${formatBytes(current)} / ${formatBytes(total)}`;
  return total === undefined ? `${current} files` : `${current} / ${total} files`;
}
