/** Starts programs for executors: argument vectors, an environment of nothing, a process group of their own. */
import { type ChildProcess, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { withoutInherited } from "./inherited-descriptors.js";

export interface ChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface StartOptions {
  readonly stdio: readonly ("pipe" | "ignore" | number)[];
  readonly cwd?: string;
  /** On top of nothing. */
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

/** A program under way, in a process group of its own. */
export class Child {
  readonly process: ChildProcess;
  /** Settles when the program has ended and its pipes are closed; never rejects after a successful start. */
  readonly ended: Promise<ChildEnd>;
  #over = false;

  /** @throws (through `ended`) the system's error when the program cannot be started */
  constructor(command: readonly string[], options: StartOptions) {
    const [program, ...args] = command;
    const { stdio, cwd, env, signal } = options;
    this.process = spawn(program!, args, {
      stdio: withoutInherited(stdio),
      env: { ...env },
      detached: true,
      ...(cwd === undefined ? {} : { cwd }),
    });
    const onAbort = (): void => this.kill();
    this.ended = new Promise<ChildEnd>((resolve, reject) => {
      this.process.once("error", reject);
      this.process.once("close", (code, endSignal) => resolve({ code, signal: endSignal }));
    }).finally(() => {
      this.#over = true;
      signal?.removeEventListener("abort", onAbort);
    });
    this.ended.catch(() => undefined);
    for (const stream of this.process.stdio) stream?.on("error", () => undefined);
    if (signal?.aborted) onAbort();
    signal?.addEventListener("abort", onAbort, { once: true });
  }

  /** Ends the whole process group at once. */
  kill(): void {
    this.signal("SIGKILL");
  }

  /** Sends a signal to the whole process group. */
  signal(name: NodeJS.Signals): void {
    const { pid } = this.process;
    if (pid === undefined || this.#over) return;
    try {
      process.kill(-pid, name);
    } catch {
      // It has ended already.
    }
  }

  /** Whether this process stays alive for the program. */
  ref(isAwaited: boolean): void {
    for (const one of [this.process, ...this.process.stdio] as ({ ref?(): void; unref?(): void } | null)[]) {
      if (isAwaited) one?.ref?.();
      else one?.unref?.();
    }
  }

  input(): Writable {
    return this.process.stdin!;
  }

  output(): Readable {
    return this.process.stdout!;
  }

  extra(fd: number): Readable & Writable {
    return this.process.stdio[fd] as unknown as Readable & Writable;
  }
}

const KEPT_WORDS = 4000;

/** Collects what a program says, its last words when it says much. */
export function collectText(stream: Readable): () => string {
  let text = "";
  stream.setEncoding("latin1").on("data", (chunk: string) => {
    text = (text + chunk).slice(-KEPT_WORDS);
  });
  return () => Buffer.from(text, "latin1").toString("utf8").trim();
}

/** Runs a program to its end, `input` on its standard input; returns what it says on both outputs. */
export async function runChild(
  command: readonly string[],
  options: { readonly input?: string; readonly cwd?: string; readonly signal?: AbortSignal | undefined } = {},
): Promise<ChildEnd & { readonly words: string }> {
  const child = new Child(command, { ...options, stdio: ["pipe", "pipe", "pipe"] });
  const out = collectText(child.output());
  const err = collectText(child.process.stderr!);
  child.input().end(options.input ?? "", "latin1");
  const end = await child.ended;
  options.signal?.throwIfAborted();
  return { ...end, words: `${err()}\n${out()}`.trim() };
}

/** Writes `chunks` and waits until the stream has taken them. */
export function writeAll(stream: Writable, chunks: readonly Buffer[]): Promise<void> {
  if (chunks.length === 0) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const last = chunks.length - 1;
    const done = (error?: Error | null): void => (error ? reject(error) : resolve());
    if (chunks.length > 1) stream.cork();
    chunks.forEach((chunk, index) => {
      stream.write(chunk, index === last ? done : undefined);
    });
    if (chunks.length > 1) stream.uncork();
  });
}
