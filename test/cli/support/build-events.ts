/** A clock that tests set, and short words for the events of a build. */
import type { BuildEvent, TaskOutcome } from "../../../src/events.js";

export interface TestClock {
  nowMs: number;
}

export function started(id: string, name: string, timeMs = 0): BuildEvent {
  return { type: "task-started", task: { id, kind: "step", name }, timeMs };
}

export function finished(id: string, outcome: TaskOutcome, timeMs: number, detail?: string): BuildEvent {
  return { type: "task-finished", id, outcome, timeMs, ...(detail === undefined ? {} : { detail }) };
}

export function progress(id: string, current: number, total?: number): BuildEvent {
  return { type: "task-progress", id, current, unit: "bytes", ...(total === undefined ? {} : { total }) };
}

export function output(id: string, text: string | Uint8Array): BuildEvent {
  return { type: "task-output", id, stream: "stdout", chunk: typeof text === "string" ? Buffer.from(text) : text };
}

export function planned(...names: readonly string[]): BuildEvent {
  return { type: "plan", version: 1, tasks: names.map((name) => ({ id: name, kind: "step", name })) };
}
