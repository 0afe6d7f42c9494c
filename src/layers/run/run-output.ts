/**
 * What a command prints, on its three ways: on to who listens, who may keep it waiting; its end, for the error; all of it
 * into a log of the store (L7), without the secrets that the command was given (L1).
 */
import type { KeptLog } from "../../cache/log-files.js";
import { OutputTail } from "./run-failure.js";
import { SecretMask, secretLines } from "./secret-mask.js";

type Stream = "stdout" | "stderr";

/** Passes a piece of a command's output on; a promise asks to wait with the next one. */
export type PassOutput = (stream: Stream, chunk: Uint8Array) => unknown;

export class RunOutput {
  readonly #tail = new OutputTail();
  readonly #log: KeptLog;
  readonly #pass: PassOutput;
  /** By their text. */
  readonly #secrets = new Map<string, Buffer>();
  readonly #masks = new Map<Stream, SecretMask>();

  constructor(log: KeptLog, pass: PassOutput) {
    this.#log = log;
    this.#pass = pass;
  }

  /** To be told of each secret before the command gets it. */
  hide(secret: Uint8Array): void {
    this.#endMasks();
    for (const line of secretLines(secret)) this.#secrets.set(line.toString("latin1"), line);
  }

  /** What it returns is to be waited for before the next chunk is read. */
  readonly take: PassOutput = (stream, chunk) => {
    this.#tail.add(chunk);
    this.#log.write(this.#masked(stream, chunk));
    return this.#pass(stream, chunk);
  };

  /** The last lines, as they were printed. */
  tail(): string {
    return this.#tail.text();
  }

  /** Ends the log: its file, if there is one. Never fails. */
  end(): string | undefined {
    this.#endMasks();
    return this.#log.keep();
  }

  #masked(stream: Stream, chunk: Uint8Array): Uint8Array {
    if (this.#secrets.size === 0) return chunk;
    let mask = this.#masks.get(stream);
    if (mask === undefined) {
      mask = new SecretMask([...this.#secrets.values()]);
      this.#masks.set(stream, mask);
    }
    return mask.push(chunk);
  }

  #endMasks(): void {
    for (const mask of this.#masks.values()) this.#log.write(mask.end());
    this.#masks.clear();
  }
}
