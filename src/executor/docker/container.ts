/** A command in a container: attached to, started, waited for. */
import { setTimeout as delay } from "node:timers/promises";
import type { RunIO } from "../contract.js";
import { executorFailed } from "../kit/failures.js";
import { startFailureCode } from "../kit/start-failure.js";
import { DOCKER, type Engine, refusalOf } from "./engine.js";
import { readOutput } from "./output-frames.js";
import { killContainer } from "./removal.js";
import { type ContainerDetails, ContainerSchema } from "./schemas.js";

export interface ContainerEnd {
  readonly exitCode: number;
  readonly signal?: string;
  /** Where the engine keeps what was changed, on its machine. */
  readonly upperDir: string | undefined;
}

const KILLED = 137;
/** What runtimes say when it is the command's program, and nothing else, that is not there or cannot be started. */
const NO_PROGRAM = /exec:? "|executable file|starting container process caused: exec/;

/** Starts the container, passes its output on, and tells how it ended. @throws EXECUTOR_FAILED; the signal's reason */
export async function runContainer(engine: Engine, id: string, io: RunIO, isPodman: boolean): Promise<ContainerEnd> {
  const { signal } = io;
  const socket = await engine.attach(id, signal);
  const onAbort = (): void => void socket?.destroy();
  signal.addEventListener("abort", onAbort, { once: true });
  let isOver = false;
  try {
    const reading = socket === undefined ? undefined : readOutput(socket, io);
    // Its error is thrown below, once the container has been started or refused.
    reading?.catch(() => {});
    const problem = await start(engine, id, signal);
    if (problem === undefined && reading === undefined) {
      throw executorFailed(DOCKER, "the engine does not give out what the container prints");
    }
    if (problem !== undefined) {
      socket?.destroy();
      const { State } = await inspect(engine, id, signal);
      const isCommand = NO_PROGRAM.test(problem) && !/mounting/.test(problem);
      if (!isCommand) throw executorFailed(DOCKER, `the engine did not start the container: ${problem}`);
      await io.onOutput("stderr", Buffer.from(`${problem}\n`));
      return { exitCode: notStarted(problem, State.ExitCode), upperDir: undefined };
    }
    await reading;
    const { State, GraphDriver } = await ended(engine, id, signal);
    isOver = true;
    const { ExitCode: exitCode, OOMKilled } = State;
    const isKilled = OOMKilled === true && exitCode === KILLED;
    return { exitCode, ...(isKilled ? { signal: "SIGKILL" } : {}), upperDir: GraphDriver?.Data?.["UpperDir"] };
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
    socket?.destroy();
    if (!isOver) await killContainer(engine, id, isPodman);
  }
}

/** Engines differ in what they say of a program that could not be started. */
function notStarted(problem: string, exitCode: number): number {
  const code = startFailureCode(problem);
  return code === 126 || exitCode === 0 || exitCode === 128 ? code : exitCode;
}

/** What the engine says against starting it. */
async function start(engine: Engine, id: string, signal: AbortSignal): Promise<string | undefined> {
  const call = { method: "POST", path: `/containers/${id}/start`, signal } as const;
  const { status, text } = await engine.done(call, [400, 404, 500]);
  return status >= 400 ? refusalOf(status, text).message : undefined;
}

const SOON_MS = 5;
const LATER_MS = 100;

/** Its state once it does not run any more; some engines are long in telling, so they are asked. */
async function ended(engine: Engine, id: string, signal: AbortSignal): Promise<ContainerDetails> {
  for (let wait = SOON_MS; ; wait = Math.min(LATER_MS, wait * 2)) {
    const details = await inspect(engine, id, signal);
    const { Status, Error: problem } = details.State;
    if (Status === "exited" || Status === "stopped" || Status === "dead") {
      if (problem) throw executorFailed(DOCKER, `the engine lost the container: ${problem}`);
      return details;
    }
    await delay(wait, undefined, { signal });
  }
}

function inspect(engine: Engine, id: string, signal: AbortSignal): Promise<ContainerDetails> {
  return engine.json({ method: "GET", path: `/containers/${id}/json`, signal }, ContainerSchema);
}
