/** SHA-256 on a thread of its own, so that whoever reads a large file can use the bytes meanwhile. */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";

/** As text: a bundle and the sources have no file in common that could be named. */
const PROGRAM = `
const { parentPort, workerData } = require("node:worker_threads");
const hash = require("node:crypto").createHash("sha256");
parentPort.on("message", ({ slot, length }) => {
  hash.update(workerData[slot].subarray(0, length));
  parentPort.postMessage({ slot, digest: length === 0 ? hash.digest("hex") : undefined });
});
`;

/** So much can be read while the thread starts. */
const SLOTS = 24;
/** Each may take 40 MiB; with more of them than processors nothing would be quicker. */
const MOST_THREADS = Math.min(2, availableParallelism() - 1);

let threads = 0;

interface Answer {
  readonly slot: number;
  readonly digest: string | undefined;
}

/** A thread for chunks of at most `chunkBytes`; `undefined` where there are enough. */
export function openHashThread(chunkBytes: number): HashThread | undefined {
  return threads < MOST_THREADS ? new HashThread(chunkBytes) : undefined;
}

export class HashThread implements Disposable {
  readonly #worker: Worker;
  readonly #slots: readonly Uint8Array[];
  readonly #free: number[];
  readonly #digest: Promise<string>;
  #onFree: (() => void) | undefined;
  #isOver = false;

  /** For chunks of at most `chunkBytes`. */
  constructor(chunkBytes: number) {
    this.#slots = Array.from({ length: SLOTS }, () => new Uint8Array(new SharedArrayBuffer(chunkBytes)));
    this.#free = [...this.#slots.keys()];
    threads++;
    // Nothing that this process was started with (loaders, inspectors) is of use to it.
    this.#worker = new Worker(PROGRAM, { eval: true, execArgv: [], env: {}, workerData: this.#slots });
    this.#digest = new Promise((resolve, reject) => {
      this.#worker.on("message", ({ slot, digest }: Answer) => {
        this.#free.push(slot);
        this.#onFree?.();
        if (digest !== undefined) resolve(digest);
      });
      const fail = (error: Error): void => {
        this.#isOver = true;
        this.#onFree?.();
        reject(error);
      };
      this.#worker.once("error", fail);
      this.#worker.once("exit", (code) => {
        threads--;
        fail(new Error(`the hashing thread ended with ${code}`));
      });
    });
    this.#digest.catch(() => undefined);
    // Somebody who forgets about a file that he reads must not keep the process; it was the listeners that would.
    this.#worker.unref();
  }

  /** Takes a copy of the next bytes, one at least. Waits while the thread is behind. */
  async update(chunk: Uint8Array): Promise<void> {
    const slot = await this.#freeSlot();
    if (slot === undefined) return;
    this.#slots[slot]!.set(chunk);
    this.#worker.postMessage({ slot, length: chunk.length });
  }

  /** The digest of all bytes, in hex; ends the hash. @throws when the system has no thread for it */
  async digest(): Promise<string> {
    const slot = await this.#freeSlot();
    if (slot !== undefined) this.#worker.postMessage({ slot, length: 0 });
    return this.#await(this.#digest);
  }

  [Symbol.dispose](): void {
    void this.#worker.terminate();
  }

  /** `undefined` when the thread is no more. */
  async #freeSlot(): Promise<number | undefined> {
    while (this.#free.length === 0 && !this.#isOver) {
      const freed = new Promise<void>((resolve) => {
        this.#onFree = resolve;
      });
      await this.#await(freed);
    }
    return this.#isOver ? undefined : this.#free.pop();
  }

  /** Keeps the process as long as the thread is waited for. */
  async #await<T>(promise: Promise<T>): Promise<T> {
    this.#worker.ref();
    try {
      return await promise;
    } finally {
      this.#worker.unref();
    }
  }
}
