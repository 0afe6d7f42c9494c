/** What comes out of a command: its output, and how it ended. */
import type { Readable } from "node:stream";
import type { RunIO } from "../contract.js";
import type { ChildEnd } from "./child.js";

export interface CommandEnd {
  readonly exitCode: number;
  readonly signal?: string;
}

/** Signals by number, as 128 + n stands for them. */
const SIGNALS: ReadonlyMap<string, number> = new Map([
  ["SIGHUP", 1],
  ["SIGINT", 2],
  ["SIGQUIT", 3],
  ["SIGILL", 4],
  ["SIGTRAP", 5],
  ["SIGABRT", 6],
  ["SIGBUS", 7],
  ["SIGFPE", 8],
  ["SIGKILL", 9],
  ["SIGUSR1", 10],
  ["SIGSEGV", 11],
  ["SIGUSR2", 12],
  ["SIGPIPE", 13],
  ["SIGALRM", 14],
  ["SIGTERM", 15],
]);

export function commandEnd({ code, signal }: ChildEnd): CommandEnd {
  if (code !== null) return { exitCode: code };
  const name = signal ?? "SIGKILL";
  return { exitCode: 128 + (SIGNALS.get(name) ?? 9), signal: name };
}

/** Passes all of `readable` on, each piece when the one before was taken. */
export async function forwardOutput(readable: Readable, stream: "stdout" | "stderr", io: RunIO): Promise<void> {
  for await (const chunk of readable) await io.onOutput(stream, chunk as Buffer);
}
