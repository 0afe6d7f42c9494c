/** Starts the namespaces, passes the output on, and tells how it ended; nothing of it outlives this process (K12). */
import type { Writable } from "node:stream";
import type { ByteString } from "../../util/bytes.js";
import type { RunIO, RunSpec } from "../contract.js";
import { Child, collectText } from "../kit/child.js";
import { type CommandEnd, commandEnd, forwardOutput } from "../kit/command-end.js";
import { executorFailed } from "../kit/failures.js";
import type { FifoPool } from "../kit/fifo-pool.js";
import type { IdSpace } from "../kit/id-space.js";
import { requireProgram } from "../kit/programs.js";
import { INPUT_FD } from "./run-style.js";

export interface RunCommandOptions {
  readonly executor: string;
  readonly space: IdSpace;
  readonly pipes: FifoPool;
  readonly script: ByteString;
  readonly spec: RunSpec;
  readonly io: RunIO;
}

/**
 * Three things end the namespaces with this process: the parent-death signal of unshare, that of its child, and a watchdog
 * that reads from us until we are gone and then ends the whole process group. A change of ids clears the first two.
 */
const OUTER = '{ read -r end <&4; kill -9 0; } >/dev/null 2>&1 3>&- 5<&- & exec "$@" 4<&-';

/** @throws EXECUTOR_FAILED when the command was not even started; the signal's reason */
export async function runCommand(options: RunCommandOptions): Promise<CommandEnd> {
  const { executor, pipes, script, io } = options;
  const [stdout, stderr] = await pipes.open();
  try {
    io.signal.throwIfAborted();
    const sh = requireProgram("sh", executor);
    const child = new Child([sh, "-c", OUTER, "sh", ...namespaceCommand(options, sh)], {
      stdio: ["pipe", stdout.writeFd, stderr.writeFd, "pipe", "pipe", ...inputOf(io)],
      cwd: "/",
      signal: io.signal,
    });
    stdout.closeWriter();
    stderr.closeWriter();
    const status = collectText(child.extra(3));
    child.process.once("exit", () => child.extra(4).end());
    child.input().end(script, "latin1");
    const forgetSize = io.terminal?.onResize(() => child.signal("SIGWINCH"));
    const feeding = io.stdin === undefined ? undefined : feed(child.extra(INPUT_FD), io.stdin, child);
    const reading = Promise.all([
      forwardOutput(stdout.readable, "stdout", io),
      forwardOutput(stderr.readable, "stderr", io),
    ]);
    // Who cannot take the output ends the command.
    reading.catch(() => child.kill());
    const end = await child.ended.finally(forgetSize);
    await feeding;
    await reading;
    io.signal.throwIfAborted();
    const said = status().split("\n");
    if (said.at(-1) !== "R") {
      throw executorFailed(
        executor,
        `the namespaces could not be set up: ${said.join("; ") || `ended with ${end.code ?? end.signal}`}`,
      );
    }
    return commandEnd(end);
  } finally {
    stdout.release();
    stderr.release();
  }
}

function inputOf({ stdin, terminal }: RunIO): readonly ("pipe" | number)[] {
  if (terminal !== undefined) return [terminal.input];
  return stdin === undefined ? [] : ["pipe"];
}

/** Gives the command what it reads, until it has ended or there is no more. */
async function feed(target: Writable, stdin: AsyncIterable<Uint8Array>, child: Child): Promise<void> {
  const chunks = stdin[Symbol.asyncIterator]();
  const over = child.ended.then(
    () => undefined,
    () => undefined,
  );
  for (;;) {
    const next = await Promise.race([chunks.next(), over]);
    if (next === undefined || next.done === true) break;
    const taken = new Promise<void>((resolve) => target.write(next.value, () => resolve()));
    await Promise.race([taken, over]);
  }
  target.end();
}

function namespaceCommand({ executor, space, spec }: RunCommandOptions, sh: string): readonly string[] {
  return space.command([
    requireProgram("setpriv", executor),
    "--pdeathsig=KILL",
    "--",
    requireProgram("unshare", executor),
    "--mount",
    "--pid",
    "--uts",
    "--ipc",
    ...(spec.network === "none" ? ["--net"] : []),
    "--fork",
    "--kill-child=KILL",
    "--propagation=private",
    "--",
    sh,
    "-s",
  ]);
}
