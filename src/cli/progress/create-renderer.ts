/** `--progress` and `--quiet` → what shows progress. */
import type { Output } from "../io.js";
import { optionError } from "../option-error.js";
import { PlainRenderer } from "./plain-renderer.js";
import { RawJsonRenderer } from "./raw-json-renderer.js";
import type { Renderer } from "./renderer.js";
import { TtyRenderer } from "./tty-renderer.js";
import { Warnings } from "./warnings.js";

export type ProgressMode = "tty" | "plain" | "rawjson" | "quiet";

export interface ProgressWishes {
  /** As written. */
  readonly progress?: string | undefined;
  readonly quiet: boolean;
}

/** @throws OPTIONS_INVALID */
export function progressMode(wishes: ProgressWishes, terminal: TerminalTraits): ProgressMode {
  const { progress = "auto", quiet } = wishes;
  switch (progress) {
    case "auto":
      if (quiet) return "quiet";
      return terminal.isTTY && !terminal.isDumb ? "tty" : "plain";
    case "tty":
      if (quiet) break;
      if (terminal.isTTY) return "tty";
      throw optionError(
        "--progress",
        "--progress tty expected standard error to be a terminal",
        "Say --progress plain.",
      );
    case "plain":
    case "rawjson":
      if (quiet) break;
      return progress;
    case "quiet":
      return progress;
    default:
      throw optionError("--progress", `"--progress ${progress}" expected auto, tty, plain, rawjson or quiet`);
  }
  throw optionError("--quiet", `--quiet and --progress ${progress} contradict each other`);
}

export interface TerminalTraits {
  readonly isTTY: boolean;
  /** TERM=dumb: cannot move its cursor. */
  readonly isDumb: boolean;
}

export interface RendererOptions {
  readonly stderr: Output;
  readonly color: boolean;
  /** What is going on, for a terminal. */
  readonly title: string;
  readonly nowMs: () => number;
  /** Whether warnings are shown where no progress is. */
  readonly warnsWhenQuiet: boolean;
  readonly every: (intervalMs: number, action: () => void) => () => void;
}

export function createRenderer(mode: ProgressMode, options: RendererOptions): Renderer {
  const { stderr, color, title, nowMs, every, warnsWhenQuiet } = options;
  const write = (text: string): void => stderr.write(text);
  switch (mode) {
    case "plain":
      return new PlainRenderer({ write, nowMs });
    case "tty": {
      const size = (): { columns: number; rows: number } => ({
        columns: stderr.columns || 80,
        rows: stderr.rows || 24,
      });
      return new TtyRenderer({ write, nowMs, every, size, color, title });
    }
    case "rawjson":
      return new RawJsonRenderer(write);
    case "quiet":
      return warnsWhenQuiet ? warningLines(write) : { onEvent: () => {}, end: () => {} };
    default:
      return mode satisfies never;
  }
}

function warningLines(write: (text: string) => void): Renderer {
  const warnings = new Warnings();
  return {
    onEvent: (event) => {
      const line = event.type === "warning" ? warnings.take(event) : undefined;
      if (line !== undefined) write(`WARNING: ${line}\n`);
    },
    end: () => {},
  };
}
