/** A daemon that a test has started. */
import type { ChildProcessByStdio } from "node:child_process";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";

const POLL_MS = 100;

export class Daemon {
  readonly #name: string;
  readonly #child: ChildProcessByStdio<null, null, Readable>;
  readonly #ended: Promise<void>;
  readonly #endWithUs: () => void;
  #log = "";
  #isOver = false;

  /** It is asked to end when this process ends: one that is killed would leave what it has started. */
  constructor(name: string, child: ChildProcessByStdio<null, null, Readable>) {
    this.#name = name;
    this.#child = child;
    child.stderr.on("data", (chunk: Buffer) => {
      this.#log = (this.#log + chunk.toString("utf8")).slice(-4000);
    });
    this.#ended = new Promise((resolve) => {
      const end = (reason: unknown): void => {
        this.#log += String(reason ?? "");
        this.#isOver = true;
        resolve();
      };
      child.once("error", end);
      child.once("exit", end);
    });
    this.#endWithUs = () => void child.kill("SIGTERM");
    process.once("exit", this.#endWithUs);
  }

  /** Resolves when `answers` does with `true`; else the daemon is stopped by `stop`. @throws with the end of its log */
  async started(timeoutMs: number, answers: () => Promise<boolean>, stop: () => Promise<void>): Promise<void> {
    for (const deadline = Date.now() + timeoutMs; ; await delay(POLL_MS)) {
      if (await answers()) return;
      if (!this.#isOver && Date.now() < deadline) continue;
      await stop();
      throw new Error(`${this.#name} did not start: ${this.#log}`);
    }
  }

  /** @throws when it does not end in time, with the end of its log */
  async stop(timeoutMs: number): Promise<void> {
    process.removeListener("exit", this.#endWithUs);
    this.#child.kill("SIGTERM");
    await Promise.race([this.#ended, delay(timeoutMs, undefined, { ref: false })]);
    if (!this.#isOver) throw new Error(`${this.#name} does not end: ${this.#log}`);
  }
}
