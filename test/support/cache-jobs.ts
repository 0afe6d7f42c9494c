/** Builds of CI, each by the command line and in a new store. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { tryOcibuild } from "./ocibuild.js";

export interface Job {
  readonly digest: string;
  /** How each step ended: `done`, `cached` … */
  readonly steps: readonly string[];
  readonly warnings: readonly string[];
}

export interface JobOptions {
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs `ocibuild build ...args CONTEXT` and expects it to succeed. */
export type RunJob = (args: readonly string[], options?: JobOptions) => Promise<Job>;

/** Jobs in the folder `cwd`, which is removed by whoever made it. */
export function cacheJobs(cwd: string, context: string): RunJob {
  let number = 0;
  return async (args, { env = {} } = {}) => {
    const store = join(cwd, `store-${number++}`);
    mkdirSync(store, { mode: 0o700 });
    const words = ["build", "--progress=rawjson", "--platform=linux/amd64", "--root", store, ...args, context];
    const { code, stdout, stderr } = await tryOcibuild(words, { cwd, env });
    expect(code, stderr).toBe(0);
    const events = stderr
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const ids = new Set(
      events.flatMap((event) => {
        const task = event["task"] as { id: string; kind: string } | undefined;
        return event["type"] === "task-started" && task?.kind === "step" ? task.id : [];
      }),
    );
    return {
      digest: stdout.toString().trim(),
      steps: events.flatMap((event) =>
        event["type"] === "task-finished" && ids.has(String(event["id"])) ? String(event["outcome"]) : [],
      ),
      warnings: events.flatMap((event) => (event["type"] === "warning" ? String(event["message"]) : [])),
    };
  };
}
