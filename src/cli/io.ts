/** The world as the command line sees it. Everything from outside comes through here, so that tests can stand in for it. */
import type { Readable } from "node:stream";
import type { RunTerminal } from "../executor/contract.js";

/** A text output, maybe a terminal. */
export interface Output {
  readonly isTTY: boolean;
  /** Of the terminal at this moment; `undefined` when unknown. */
  readonly columns: number | undefined;
  readonly rows: number | undefined;
  write(text: string): void;
  /** Resolves when whoever reads has taken most of what was written; `undefined` when there is nothing to wait for. */
  drained(): Promise<void> | undefined;
}

export type StopSignal = "SIGINT" | "SIGTERM" | "SIGHUP";

export interface Io {
  /** Without the names of node and of the script. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Only called when something is to be read from there. */
  stdin(): Readable;
  /** For an archive that goes to standard output, and for what commands print. */
  stdoutStream(): NodeJS.WritableStream;
  /** For what commands print. */
  stderrStream(): NodeJS.WritableStream;
  /** The terminal that standard input is, if it is one. */
  terminal(): RunTerminal | undefined;
  /** Milliseconds of a clock that only goes forward. */
  nowMs(): number;
  /** Calls `action` again and again without keeping the process alive; returns what ends it. */
  every(intervalMs: number, action: () => void): () => void;
  /** Calls `handler` for each signal, which then does not end the process; returns what ends that. */
  onSignal(handler: (signal: StopSignal) => void): () => void;
  /** Calls `handler` when nobody reads what is written any more. */
  onBrokenPipe(handler: () => void): void;
  /** Calls `action` when the process ends, for whatever reason; returns what takes that back. */
  onExit(action: () => void): () => void;
  /** Ends the process at once. */
  exit(code: number): void;
}
