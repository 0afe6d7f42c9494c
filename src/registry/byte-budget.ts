/** So many bytes may be held in memory at a time, whoever holds them: who wants more waits, in order. */
import { untilAborted } from "../util/until-aborted.js";

interface Waiting {
  readonly bytes: number;
  readonly start: () => void;
}

export class ByteBudget {
  readonly #totalBytes: number;
  #heldBytes = 0;
  #waiting: Waiting[] = [];

  constructor(totalBytes: number) {
    this.#totalBytes = totalBytes;
  }

  /** Runs `work` once `bytes` may be held; more than the whole budget is held alone. Rejects with the signal's reason. */
  async hold<T>(bytes: number, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    await this.#take(bytes, signal);
    try {
      return await work();
    } finally {
      this.#heldBytes -= bytes;
      this.#startNext();
    }
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  async #take(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (this.#waiting.length === 0 && this.#fits(bytes)) {
      this.#heldBytes += bytes;
      return;
    }
    let entry: Waiting | undefined;
    const turn = new Promise<void>((resolve) => {
      entry = { bytes, start: resolve };
      this.#waiting.push(entry);
    });
    try {
      await untilAborted(turn, signal);
    } catch (error) {
      const waits = this.#waiting.includes(entry!);
      this.#waiting = this.#waiting.filter((other) => other !== entry);
      // Its turn came in the same moment.
      if (!waits) this.#heldBytes -= bytes;
      this.#startNext();
      throw error;
    }
  }

  #fits(bytes: number): boolean {
    return this.#heldBytes === 0 || this.#heldBytes + bytes <= this.#totalBytes;
  }

  #startNext(): void {
    for (let next = this.#waiting[0]; next !== undefined && this.#fits(next.bytes); next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#heldBytes += next.bytes;
      next.start();
    }
  }
}
