/** Work with progress on standard error, that signals and broken pipes stop: its end becomes an exit code. */
import type { OnEvent } from "../events.js";
import { EXIT_BROKEN_PIPE, exitCodeOf, exitCodeOfSignal } from "./exit-codes.js";
import type { Io, StopSignal } from "./io.js";
import { errorRecord, errorStyle, formatError } from "./print-error.js";
import { createRenderer, type ProgressMode, type ProgressWishes, progressMode } from "./progress/create-renderer.js";
import { formatRecord } from "./progress/raw-json-renderer.js";
import type { Renderer } from "./progress/renderer.js";

/** Why the work was stopped from outside. */
type Stop = { readonly code: number; readonly signal: StopSignal | undefined };

export interface Work {
  readonly mode: ProgressMode;
  readonly onEvent: OnEvent;
  readonly signal: AbortSignal;
  /** Shows the last state: what is written afterwards stands below it. */
  readonly finish: () => void;
}

/** Runs `work`, which returns the exit code; says what went wrong, nothing when nobody is there to read it. */
export async function runWithProgress(
  io: Io,
  {
    request,
    usesStdin,
    title = "Building",
    warnsWhenQuiet = false,
  }: {
    readonly request: ProgressWishes;
    readonly usesStdin: boolean;
    readonly title?: string;
    readonly warnsWhenQuiet?: boolean;
  },
  work: (work: Work) => Promise<number>,
): Promise<number> {
  const mode = progressModeOf(io, request);
  const { color } = errorStyle(io);
  const abort = new AbortController();
  const { stderr, nowMs, every } = io;
  const renderer = createRenderer(mode, { stderr, color, title, nowMs, every, warnsWhenQuiet });
  let stopped: Stop | undefined;
  const stop = (reason: Stop): void => {
    stopped = reason;
    abort.abort(new Error("the work was stopped"));
    // Whoever reads waits for bytes that may never come.
    if (usesStdin) io.stdin().destroy();
  };
  const forgetSignals = io.onSignal((signal) => {
    const code = exitCodeOfSignal(signal);
    if (stopped === undefined) return stop({ code, signal });
    renderer.end("cancelled");
    io.exit(code);
  });
  const forgetExit = io.onExit(() => renderer.end("failed"));
  io.onBrokenPipe(() => {
    if (stopped === undefined) stop({ code: EXIT_BROKEN_PIPE, signal: undefined });
  });
  try {
    return await work({
      mode,
      onEvent: (event) => {
        renderer.onEvent(event);
        return event.type === "task-output" ? stderr.drained() : undefined;
      },
      signal: abort.signal,
      finish: () => renderer.end("done"),
    });
  } catch (error) {
    return finishFailed(io, mode, renderer, error, stopped);
  } finally {
    forgetSignals();
    forgetExit();
  }
}

/** @throws OPTIONS_INVALID */
export function progressModeOf({ stderr, env }: Io, request: ProgressWishes): ProgressMode {
  return progressMode(request, { isTTY: stderr.isTTY, isDumb: env["TERM"] === "dumb" });
}

/** Says what went wrong; nothing when nobody is there to read it. */
function finishFailed(
  io: Io,
  mode: ProgressMode,
  renderer: Renderer,
  error: unknown,
  stopped: Stop | undefined,
): number {
  renderer.end(stopped === undefined ? "failed" : "cancelled");
  if (stopped === undefined) {
    io.stderr.write(mode === "rawjson" ? formatRecord(errorRecord(error)) : formatError(error, errorStyle(io)));
    return exitCodeOf(error);
  }
  if (stopped.signal !== undefined) {
    const message = `interrupted by ${stopped.signal}`;
    io.stderr.write(mode === "rawjson" ? formatRecord({ type: "error", message }) : `ERROR: ${message}\n`);
  }
  return stopped.code;
}
