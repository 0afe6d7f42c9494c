/** One picture of a running build as lines for a terminal of a given size. */
import { formatSeconds } from "../human-units.js";
import { displayWidth, truncated } from "../terminal-text.js";
import type { BuildEnd } from "./renderer.js";
import { formatProgress, type Task } from "./task-board.js";

export interface FrameInput {
  /** What is going on: `Building`. */
  readonly title: string;
  readonly tasks: readonly Task[];
  readonly finishedCount: number;
  readonly totalCount: number;
  /** Last lines of output of running tasks. */
  readonly tails: ReadonlyMap<Task, readonly string[]>;
  readonly elapsedMs: number;
  readonly nowMs: number;
  readonly end: BuildEnd | undefined;
}

export interface FrameSize {
  readonly columns: number;
  /** Most lines; `undefined` for as many as there are. */
  readonly rows: number | undefined;
  readonly color: boolean;
}

/** Lines of output shown below a running task. */
const TAIL_LINES = 6;
/** Below this a name says nothing, so the bytes and then the time go first. */
const MIN_NAME_COLUMNS = 16;

const END_WORDS: Readonly<Record<BuildEnd, string>> = { done: " FINISHED", failed: " FAILED", cancelled: " CANCELED" };
const COLORS = { done: 36, cached: 36, failed: 31, cancelled: 33 } as const;

/** Lines without newlines; none is wider than the terminal, less one column that some terminals wrap at. */
export function formatFrame(input: FrameInput, size: FrameSize): string[] {
  const width = Math.max(1, size.columns - 1);
  const end = input.end === undefined ? "" : END_WORDS[input.end];
  const counts = `(${input.finishedCount}/${input.totalCount})`;
  const header = truncated(`[+] ${input.title} ${formatSeconds(input.elapsedMs)} ${counts}${end}`, width);
  const body = chosenRows(input, size.rows === undefined ? undefined : Math.max(0, size.rows - 1));
  return [header, ...body.map((row) => formatRow(row, input.nowMs, width, size.color))];
}

type Row = { readonly task: Task } | { readonly output: string };

/** What fits: finished tasks go first, the oldest before others, then output, then running tasks. */
function chosenRows(input: FrameInput, most: number | undefined): Row[] {
  const { tasks, tails, end } = input;
  if (most === undefined) return tasks.map((task) => ({ task }));
  const running = tasks.filter(({ state }) => state === "running").slice(0, most);
  const kept = new Set(running);
  let left = most - kept.size;
  const outputs = new Map<Task, readonly string[]>();
  for (const task of end === undefined ? running : []) {
    const tail = tails.get(task) ?? [];
    const shown = tail.slice(Math.max(0, tail.length - Math.min(TAIL_LINES, left)));
    outputs.set(task, shown);
    left -= shown.length;
  }
  for (let at = tasks.length - 1; at >= 0 && left > 0; at--) {
    const task = tasks[at]!;
    if (kept.has(task)) continue;
    kept.add(task);
    left--;
  }
  return tasks
    .filter((task) => kept.has(task))
    .flatMap((task): Row[] => [{ task }, ...(outputs.get(task) ?? []).map((output) => ({ output }))]);
}

function formatRow(row: Row, nowMs: number, width: number, color: boolean): string {
  if ("output" in row) {
    const text = truncated(` => => # ${row.output.replaceAll("\t", "  ")}`, width);
    return color ? `\x1b[2m${text}\x1b[0m` : text;
  }
  const { task } = row;
  const text = formatTask(task, nowMs, width);
  return color && task.state !== "running" ? `\x1b[${COLORS[task.state]}m${text}\x1b[0m` : text;
}

function formatTask(task: Task, nowMs: number, width: number): string {
  const words = { running: "", done: "", cached: "CACHED ", failed: "ERROR ", cancelled: "CANCELED " } as const;
  const name = ` => ${words[task.state]}${task.name}`;
  const time = ` ${formatSeconds(task.durationMs ?? nowMs - task.startedMs)}`;
  const progress = formatProgress(task);
  const withProgress = progress === undefined ? time : ` ${progress} ${time}`;
  const fits = (right: string): boolean => displayWidth(name) <= width - right.length;
  const leavesName = (right: string): boolean => width - right.length >= MIN_NAME_COLUMNS;
  const right = [withProgress, time].find((text) => fits(text) || leavesName(text)) ?? "";
  const left = truncated(name, width - right.length);
  return left + " ".repeat(Math.max(0, width - right.length - displayWidth(left))) + right;
}
