#!/usr/bin/env node
/** The program `ocibuild`: this process as the command line sees it. Everything else is in `runCli`. */
import { EXIT_BROKEN_PIPE, EXIT_DONE, EXIT_FAILED } from "./exit-codes.js";
import type { Io, Output, StopSignal } from "./io.js";
import { errorStyle, formatError } from "./print-error.js";
import { runCli } from "./run-cli.js";

const SIGNALS: readonly StopSignal[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/** What standard output could not take. */
let outputError: NodeJS.ErrnoException | undefined;
const brokenPipeHandlers: (() => void)[] = [];

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  outputError ??= error;
  if (error.code === "EPIPE") for (const handler of brokenPipeHandlers) handler();
});
process.stderr.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") for (const handler of brokenPipeHandlers) handler();
});

const io: Io = {
  argv: process.argv.slice(2),
  env: process.env,
  cwd: process.cwd(),
  stdout: outputOf(process.stdout),
  stderr: outputOf(process.stderr),
  stdin: () => process.stdin,
  stdoutStream: () => process.stdout,
  stderrStream: () => process.stderr,
  terminal: () =>
    process.stdin.isTTY === true
      ? {
          input: 0,
          onResize: (handler) => {
            process.on("SIGWINCH", handler);
            return () => process.off("SIGWINCH", handler);
          },
        }
      : undefined,
  nowMs: () => performance.now(),
  every: (intervalMs, action) => {
    const timer = setInterval(action, intervalMs);
    timer.unref();
    return () => clearInterval(timer);
  },
  onSignal: (handler) => {
    for (const signal of SIGNALS) process.on(signal, handler);
    return () => {
      for (const signal of SIGNALS) process.off(signal, handler);
    };
  },
  onBrokenPipe: (handler) => {
    brokenPipeHandlers.push(handler);
  },
  onExit: (action) => {
    process.on("exit", action);
    return () => process.off("exit", action);
  },
  exit: (code) => process.exit(code),
};

function outputOf(stream: NodeJS.WriteStream): Output {
  // One for all who wait: each listener of their own would be a warning of Node's where many commands run at once.
  let draining: Promise<void> | undefined;
  return {
    get isTTY() {
      return stream.isTTY === true;
    },
    get columns() {
      return stream.columns;
    },
    get rows() {
      return stream.rows;
    },
    write: (text) => {
      stream.write(text);
    },
    drained: () => {
      if (!stream.writableNeedDrain) return undefined;
      draining ??= new Promise((resolve) => {
        stream.once("drain", () => {
          draining = undefined;
          resolve();
        });
      });
      return draining;
    },
  };
}

/** Resolves when everything written to `stream` has gone out, or never will. */
function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write("", () => resolve());
  });
}

process.on("uncaughtException", (error) => {
  io.stderr.write(formatError(error, errorStyle(io)));
  process.exit(EXIT_FAILED);
});

let code = await runCli(io);
await flushed(process.stdout);
if (outputError !== undefined && code === EXIT_DONE) {
  // The digest did not arrive, so the caller must not take the build for done.
  code = outputError.code === "EPIPE" ? EXIT_BROKEN_PIPE : EXIT_FAILED;
  if (code === EXIT_FAILED) io.stderr.write(`ERROR: standard output could not be written: ${outputError.message}\n`);
}
await flushed(process.stderr);
// Connections that are kept open for further requests must not keep the process.
process.exit(code);
