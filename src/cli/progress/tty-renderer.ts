/**
 * Progress on a terminal: a picture that is drawn over itself, at most ten times a second and each time in one write.
 * The cursor is hidden while it moves, and comes back at the end whatever happened.
 */
import type { BuildEvent } from "../../events.js";
import { displayWidth } from "../terminal-text.js";
import type { BuildEnd, Renderer } from "./renderer.js";
import { type Task, TaskBoard, type TaskChange } from "./task-board.js";
import { formatFrame } from "./tty-frame.js";
import { Warnings } from "./warnings.js";

const FRAME_INTERVAL_MS = 100;
/** Lines of output kept of each task: what is shown of a failed one at the end. */
const KEPT_LINES = 20;

const HIDE_CURSOR = "\x1b[?25l";
const SHOW_CURSOR = "\x1b[?25h";
const ERASE_LINE_END = "\x1b[K";
const ERASE_BELOW = "\x1b[J";
const STYLES = /\x1b\[[0-9]*m/g;

export interface TtyRendererOptions {
  readonly write: (text: string) => void;
  readonly nowMs: () => number;
  /** Of the terminal at this moment. */
  readonly size: () => { readonly columns: number; readonly rows: number };
  readonly color: boolean;
  /** What is going on; `Building` unless given. */
  readonly title?: string;
  /** Calls again and again; returns what ends it. */
  readonly every: (intervalMs: number, action: () => void) => () => void;
}

export class TtyRenderer implements Renderer {
  readonly #options: TtyRendererOptions;
  readonly #board: TaskBoard;
  readonly #warnings = new Warnings();
  readonly #warningLines: string[] = [];
  readonly #tails = new Map<Task, string[]>();
  /** Why tasks had to run: shown at the end, when there is room. */
  readonly #causes = new Map<Task, readonly string[]>();
  readonly #startedMs: number;
  readonly #stopTimer: () => void;
  /** Widths of the lines on the screen that belong to us. */
  #drawn: readonly number[] = [];
  #drawnMs: number;
  #hasDrawn = false;
  #hasEnded = false;

  constructor(options: TtyRendererOptions) {
    this.#options = options;
    this.#board = new TaskBoard(options.nowMs);
    this.#startedMs = options.nowMs();
    this.#drawnMs = this.#startedMs;
    this.#stopTimer = options.every(FRAME_INTERVAL_MS, () => this.#draw());
  }

  onEvent(event: BuildEvent): void {
    if (this.#hasEnded) return;
    if (event.type === "warning") {
      const warning = this.#warnings.take(event);
      if (warning !== undefined) this.#warningLines.push(warning);
      return;
    }
    const change = this.#board.apply(event);
    if (change !== undefined) this.#keepTail(change);
    if (change?.causes !== undefined) this.#causes.set(change.task, change.causes);
    // Work that never lets the timer run still shows how far it is.
    if (this.#options.nowMs() - this.#drawnMs >= FRAME_INTERVAL_MS) this.#draw();
  }

  end(how: BuildEnd): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#stopTimer();
    if (this.#board.tasks.length === 0 && !this.#hasDrawn && this.#warningLines.length === 0) return;
    const { columns } = this.#options.size();
    const frame = this.#frame(how, columns, undefined);
    const rest = [
      ...this.#explanations(),
      ...this.#failedOutput(),
      ...this.#warningLines.map((warning) => `WARNING: ${warning}`),
    ];
    const after = rest.map((line) => `${line}\n`).join("");
    this.#options.write(`${this.#overdrawn(frame, columns)}${after}${this.#hasDrawn ? SHOW_CURSOR : ""}`);
  }

  #draw(): void {
    if (this.#hasEnded) return;
    this.#drawnMs = this.#options.nowMs();
    const { columns, rows } = this.#options.size();
    // The line below the picture is where the cursor stands.
    const frame = this.#frame(undefined, columns, Math.max(1, rows - 1));
    this.#options.write(`${this.#hasDrawn ? "" : HIDE_CURSOR}${this.#overdrawn(frame, columns)}`);
    this.#hasDrawn = true;
  }

  #frame(end: BuildEnd | undefined, columns: number, rows: number | undefined): string[] {
    const nowMs = this.#options.nowMs();
    const { tasks, finishedCount, totalCount } = this.#board;
    const { title = "Building" } = this.#options;
    return formatFrame(
      { title, tasks, finishedCount, totalCount, tails: this.#tails, elapsedMs: nowMs - this.#startedMs, nowMs, end },
      { columns, rows, color: this.#options.color },
    );
  }

  /** What draws `frame` over the picture before it. */
  #overdrawn(frame: readonly string[], columns: number): string {
    // A terminal that has become narrower has wrapped our lines.
    const height = this.#drawn.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / Math.max(1, columns))), 0);
    this.#drawn = frame.map((line) => displayWidth(line.replace(STYLES, "")));
    const up = height === 0 ? "" : `\x1b[${height}A\r`;
    return `${up}${frame.map((line) => `${line}${ERASE_LINE_END}\n`).join("")}${ERASE_BELOW}`;
  }

  #keepTail({ task, lines }: TaskChange): void {
    if (lines.length === 0) return;
    const tail = [...(this.#tails.get(task) ?? []), ...lines.slice(-KEPT_LINES)];
    this.#tails.set(task, tail.slice(-KEPT_LINES));
  }

  #explanations(): string[] {
    if (this.#causes.size === 0) return [];
    const steps = [...this.#causes].flatMap(([{ name }, causes]) => [
      ` ${name}`,
      ...causes.map((cause) => `   ${cause}`),
    ]);
    return ["", "Why steps ran:", ...steps];
  }

  #failedOutput(): string[] {
    return this.#board.tasks.flatMap((task) => {
      const tail = this.#tails.get(task);
      if (task.state !== "failed" || tail === undefined) return [];
      return ["------", ` > ${task.name}:`, ...tail, "------"];
    });
  }
}
