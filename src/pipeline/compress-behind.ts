/**
 * Compresses layers while the commands on top of them run: those wait for nothing but the tar. What fails here is tried again
 * when an output wants the layer, and told then.
 */
import type { Compression } from "../compression/compression.js";
import type { TaskInfo } from "../events.js";
import type { RunContext } from "../layers/run-context.js";
import type { DiffId } from "../oci/digest.js";
import type { Descriptor } from "../oci/types.js";
import { compressedLayer } from "./assemble.js";

export interface CompressBehindOptions {
  readonly run: Pick<RunContext, "store" | "layers" | "signal" | "onEvent" | "nowMs">;
  readonly compression: Compression;
  /** Told of each blob when it is in the store. */
  readonly onSealed: (blob: Descriptor) => void;
}

/** The next command is started first: it has the machine wait. */
const PAUSE_MS = 25;

const TASK: TaskInfo = { id: "compress", kind: "export", name: "compressing layers" };

export class CompressBehind implements AsyncDisposable {
  readonly #options: CompressBehindOptions;
  readonly #abort = new AbortController();
  readonly #signal: AbortSignal;
  readonly #waiting = new Set<DiffId>();
  #working: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: CompressBehindOptions) {
    this.#options = options;
    this.#signal = AbortSignal.any([options.run.signal, this.#abort.signal]);
  }

  /** Begins with a layer whose tar is in the store, after those that were given before: one at a time bounds the memory. */
  readonly add = (diffId: DiffId): void => {
    this.#waiting.add(diffId);
    if (this.#working === undefined) this.#timer ??= setTimeout(() => this.#start(), PAUSE_MS);
  };

  /** Resolves when nothing is left to do. */
  async finish(): Promise<void> {
    if (this.#waiting.size === 0) return;
    this.#start();
    const { onEvent, nowMs } = this.#options.run;
    onEvent({ type: "task-started", task: TASK, timeMs: nowMs() });
    await this.#working;
    const outcome = this.#signal.aborted ? "cancelled" : "done";
    onEvent({ type: "task-finished", id: TASK.id, outcome, timeMs: nowMs() });
  }

  /** Ends what is under way and waits for it. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    this.#abort.abort();
    await this.#working;
  }

  #start(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#working ??= this.#work();
  }

  async #work(): Promise<void> {
    const { run, compression, onSealed } = this.#options;
    for (const diffId of this.#waiting) {
      try {
        this.#signal.throwIfAborted();
        const { descriptor } = await compressedLayer({ ...run, signal: this.#signal }, diffId, compression);
        onSealed(descriptor);
      } catch {
        // The output's turn.
      }
      this.#waiting.delete(diffId);
    }
    this.#working = undefined;
  }
}
