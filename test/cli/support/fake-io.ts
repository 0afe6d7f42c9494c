/** A command line without a process: what it writes is kept, and signals come when a test sends them. */
import { PassThrough, Readable } from "node:stream";
import type { Io, StopSignal } from "../../../src/cli/io.js";

export interface FakeIoOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdin?: string;
  readonly stdoutIsTTY?: boolean;
  readonly stderrIsTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

export interface FakeIo extends Io {
  readonly written: { readonly stdout: string; readonly stderr: string };
  /** Codes that `exit` was called with. */
  readonly exits: readonly number[];
  /** What was written to the stream for archives. */
  readonly stdoutBytes: PassThrough;
  /** What commands wrote to standard error. */
  readonly stderrBytes: PassThrough;
  readonly hasOpenedStdin: boolean;
  send(signal: StopSignal): void;
  breakPipe(): void;
}

export function fakeIo(argv: readonly string[], options: FakeIoOptions = {}): FakeIo {
  const written = { stdout: "", stderr: "" };
  const exits: number[] = [];
  const handlers = new Set<(signal: StopSignal) => void>();
  const pipeHandlers: (() => void)[] = [];
  const stdoutBytes = new PassThrough();
  const stderrBytes = new PassThrough();
  let stdin: Readable | undefined;
  const output = (name: "stdout" | "stderr", isTTY: boolean) => ({
    isTTY,
    columns: options.columns,
    rows: options.rows,
    write: (text: string): void => {
      written[name] += text;
    },
    drained: () => undefined,
  });
  return {
    argv,
    env: options.env ?? {},
    cwd: options.cwd ?? "/work",
    stdout: output("stdout", options.stdoutIsTTY ?? false),
    stderr: output("stderr", options.stderrIsTTY ?? false),
    stdin: () => {
      stdin ??= Readable.from([Buffer.from(options.stdin ?? "")]);
      return stdin;
    },
    stdoutStream: () => stdoutBytes,
    stderrStream: () => stderrBytes,
    terminal: () => undefined,
    nowMs: () => 0,
    every: () => () => {},
    onSignal: (handler) => {
      handlers.add(handler);
      return () => handlers.delete(handler);
    },
    onBrokenPipe: (handler) => {
      pipeHandlers.push(handler);
    },
    onExit: () => () => {},
    exit: (code) => {
      exits.push(code);
    },
    written,
    exits,
    stdoutBytes,
    stderrBytes,
    get hasOpenedStdin() {
      return stdin !== undefined;
    },
    send: (signal) => {
      for (const handler of handlers) handler(signal);
    },
    breakPipe: () => {
      for (const handler of pipeHandlers) handler();
    },
  };
}
