/**
 * Real pipes for the output of commands. Node's own are sockets, and `/dev/stdout` cannot be opened on a socket: images
 * that link their logs there would fail.
 */
import { closeSync, constants, openSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { runChild } from "./child.js";
import { executorFailed } from "./failures.js";
import { requireProgram } from "./programs.js";

export interface OutputPipe {
  readonly readable: Readable;
  /** Of the pipe as a file. */
  readonly path: string;
  /** For the child; closed with `closeWriter` when it has started. */
  readonly writeFd: number;
  closeWriter(): void;
  /** Gives the pipe back; after the readable has ended, or to leave it. */
  release(): void;
}

export class FifoPool {
  readonly #folder: string;
  readonly #executor: string;
  readonly #free: string[] = [];
  #made = 0;

  /** `folder` exists and is ours alone. */
  constructor(folder: string, executor: string) {
    this.#folder = folder;
    this.#executor = executor;
  }

  /** Two pipes, for standard output and standard error. */
  async open(): Promise<readonly [OutputPipe, OutputPipe]> {
    if (this.#free.length < 2) await this.#make();
    return [this.#open(), this.#open()];
  }

  async #make(): Promise<void> {
    const paths = [0, 1].map(() => join(this.#folder, `pipe${this.#made++}`));
    // Who runs the command opens `/dev/stdout` anew, under its own id.
    const { code, words } = await runChild([requireProgram("mkfifo", this.#executor), "-m", "666", "--", ...paths]);
    if (code !== 0) throw executorFailed(this.#executor, `making pipes ended with ${code}: ${words}`);
    this.#free.push(...paths);
  }

  #open(): OutputPipe {
    const path = this.#free.pop()!;
    const readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writeFd = openSync(path, constants.O_WRONLY);
    const readable = new Socket({ fd: readFd, readable: true, writable: false });
    let isOpen = true;
    const closeWriter = (): void => {
      if (isOpen) closeSync(writeFd);
      isOpen = false;
    };
    return {
      path,
      readable,
      writeFd,
      closeWriter,
      release: () => {
        closeWriter();
        readable.destroy();
        this.#free.push(path);
      },
    };
  }
}
