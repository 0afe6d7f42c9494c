/** `ocibuild build`: options → build, its progress and result → outputs of the process, its end → an exit code. */
import type { Built } from "../build.js";
import type { BuildOptions } from "../options.js";
import { toBuildOptions } from "./build-options.js";
import { EXIT_BROKEN_PIPE, EXIT_DONE, exitCodeOf, exitCodeOfSignal } from "./exit-codes.js";
import type { Io, StopSignal } from "./io.js";
import type { ParsedArguments } from "./options/parse-arguments.js";
import { goesToStdout } from "./output-options.js";
import { errorRecord, errorStyle, formatError } from "./print-error.js";
import { formatSummary } from "./print-summary.js";
import { createRenderer, type ProgressMode, progressMode } from "./progress/create-renderer.js";
import { formatRecord } from "./progress/raw-json-renderer.js";
import type { Renderer } from "./progress/renderer.js";
import { removeStaleFiles, writeResultFiles } from "./result-files.js";

export type RunBuild = (options: BuildOptions) => Promise<Built>;

/** Why a build was stopped from outside. */
type Stop = { readonly code: number; readonly signal: StopSignal | undefined };

/**
 * Builds and returns the exit code.
 * @throws OPTIONS_… before anything is done
 */
export async function buildCommand(
  io: Io,
  { request, operands }: ParsedArguments,
  loadRunBuild: () => Promise<RunBuild>,
): Promise<number> {
  const { color } = errorStyle(io);
  const isDumb = io.env["TERM"] === "dumb";
  const mode = progressMode(request, { isTTY: io.stderr.isTTY, isDumb });
  const options = toBuildOptions(request, operands, { env: io.env, cwd: io.cwd, stdoutIsTTY: io.stdout.isTTY });
  const archiveToStdout = (options.outputs ?? []).some((output) => typeof output !== "string" && goesToStdout(output));
  const usesStdin = operands[0] === "-" || request.file === "-";

  const abort = new AbortController();
  const renderer = createRenderer(mode, { stderr: io.stderr, color, nowMs: io.nowMs, every: io.every });
  let stopped: Stop | undefined;
  const stop = (reason: Stop): void => {
    stopped = reason;
    abort.abort(new Error("the build was stopped"));
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
    const runBuild = await loadRunBuild();
    await removeStaleFiles(request, io.cwd);
    const built = await runBuild({
      ...options,
      ...(usesStdin ? { stdin: io.stdin() } : {}),
      ...(archiveToStdout ? { stdout: io.stdoutStream() } : {}),
      onEvent: (event) => renderer.onEvent(event),
      signal: abort.signal,
    });
    renderer.end("done");
    await writeResultFiles(request, io.cwd, built);
    if (mode === "tty" || mode === "plain") io.stderr.write(formatSummary(built));
    if (!archiveToStdout) io.stdout.write(`${built.digest}\n`);
    return EXIT_DONE;
  } catch (error) {
    return finishFailed(io, mode, renderer, error, stopped);
  } finally {
    forgetSignals();
    forgetExit();
  }
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
