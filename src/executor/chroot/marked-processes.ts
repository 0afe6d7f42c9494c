/**
 * Finds the processes of a run without a pid namespace. A limit that nobody uses is their mark: it passes to every
 * process that they start, whatever session, parent or user those have, and anybody can read it.
 */
import { randomInt } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { executorFailed } from "../kit/failures.js";

const COUNT_DIGITS = 5;
const MAX_ROUNDS = 500;
const MARK = /^Max realtime timeout +(\d+)/m;
const ENDED = /^State:\s*[ZX]/m;

/** Marks of one executor. As a limit each stands for thousands of years. */
export class ProcessMarks {
  /** All marks begin with these digits. */
  readonly prefix: string = String(randomInt(10 ** 11, 10 ** 12 - 1));
  #count = 0;

  next(): string {
    return this.prefix + String(++this.#count % 10 ** COUNT_DIGITS).padStart(COUNT_DIGITS, "0");
  }
}

/** prlimit's argument that marks. */
export function markArgument(mark: string): string {
  return `--rttime=${mark}:${mark}`;
}

/** Ends all processes with `mark`, and returns when none is left. @throws EXECUTOR_FAILED */
export async function endMarked(mark: string, executor: string): Promise<void> {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const found = markedProcesses(mark);
    if (found.length === 0) return;
    for (const pid of found) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has ended.
      }
    }
    await setTimeout(Math.min(round, 20));
  }
  throw executorFailed(
    executor,
    `processes that the command left cannot be ended: ${markedProcesses(mark).join(", ")}`,
  );
}

function markedProcesses(mark: string): number[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name) || MARK.exec(read(name, "limits"))?.[1] !== mark) return [];
    return ENDED.test(read(name, "status")) ? [] : [Number(name)];
  });
}

function read(pid: string, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "latin1");
  } catch {
    return "";
  }
}
