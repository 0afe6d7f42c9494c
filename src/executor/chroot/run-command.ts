/** Starts a command, passes its output on, and returns when nothing that it started runs any more. */
import type { ByteString } from "../../util/bytes.js";
import type { RunIO } from "../contract.js";
import { Child, collectText } from "../kit/child.js";
import { type CommandEnd, commandEnd, forwardOutput } from "../kit/command-end.js";
import { executorFailed } from "../kit/failures.js";
import type { OutputPipe } from "../kit/fifo-pool.js";
import { requireProgram } from "../kit/programs.js";
import { endMarked } from "./marked-processes.js";

export interface RunCommandOptions {
  readonly executor: string;
  readonly script: ByteString;
  readonly mark: string;
  readonly output: readonly [OutputPipe, OutputPipe];
  readonly io: RunIO;
}

/** @throws EXECUTOR_FAILED when the command was not even started; the signal's reason */
export async function runCommand({ executor, script, mark, output, io }: RunCommandOptions): Promise<CommandEnd> {
  const [stdout, stderr] = output;
  io.signal.throwIfAborted();
  const child = new Child([requireProgram("sh", executor), "-s"], {
    stdio: ["pipe", stdout.writeFd, stderr.writeFd, "pipe"],
    cwd: "/",
    signal: io.signal,
  });
  stdout.closeWriter();
  stderr.closeWriter();
  const status = collectText(child.extra(3));
  // Whoever is marked is found by the watchdog; who is not must not start anything.
  child.extra(3).on("data", () => {
    if (status().split("\n").at(-1) === "M") child.input().end("go\n");
  });
  child.input().write(script, "latin1");
  const reading = Promise.all([
    forwardOutput(stdout.readable, "stdout", io),
    forwardOutput(stderr.readable, "stderr", io),
  ]);
  // Who cannot take the output ends the command.
  reading.catch(() => child.kill());
  const end = await child.ended;
  // What is left of it holds the pipes open.
  await endMarked(mark, executor);
  await reading;
  io.signal.throwIfAborted();
  const said = status().split("\n");
  if (said.at(-1) === "R") return commandEnd(end);
  const words = said.filter((line) => line !== "M").join("; ") || `ended with ${end.code ?? end.signal}`;
  throw executorFailed(executor, `the command could not be started: ${words}`);
}
