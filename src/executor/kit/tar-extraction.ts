/** GNU tar that unpacks what it is given bit by bit; started with the first of it. */
import { Child, collectText, writeAll } from "./child.js";
import { executorFailed } from "./failures.js";
import type { IdSpace } from "./id-space.js";
import { requireProgram } from "./programs.js";
import { unpackArguments } from "./tar-arguments.js";

export interface UnpackOptions {
  readonly executor: string;
  readonly space: IdSpace;
  /** What the tar is, for errors: `a layer`. */
  readonly what: string;
  readonly signal: AbortSignal;
}

interface Program {
  readonly child: Child;
  words(): string;
}

export class TarExtraction {
  readonly #folder: string;
  readonly #options: UnpackOptions;
  #program: Program | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(folder: string, options: UnpackOptions) {
    this.#folder = folder;
    this.#options = options;
  }

  /**
   * Gives the program the next pieces, if there are any, once it has taken those of the last call: they can be made
   * meanwhile, and must stay as they are until the next call has ended. @throws EXECUTOR_FAILED, the signal's reason
   */
  async write(pieces: readonly Buffer[]): Promise<void> {
    await this.#writing.catch((error: unknown) => this.#fail(error));
    if (pieces.length === 0) return;
    this.#program ??= this.#start();
    this.#writing = writeAll(this.#program.child.input(), pieces);
    this.#writing.catch(() => undefined);
  }

  /** Waits until everything is unpacked. @throws EXECUTOR_FAILED, the signal's reason */
  async end(): Promise<void> {
    if (this.#program === undefined) return;
    const { child } = this.#program;
    await this.#writing.catch((error: unknown) => this.#fail(error));
    child.input().end();
    await this.#ended(this.#program);
  }

  /** Ends the program, which is not needed any more. */
  async abandon(): Promise<void> {
    this.#program?.child.kill();
    await this.#program?.child.ended.catch(() => undefined);
  }

  #start(): Program {
    const { executor, space, signal } = this.#options;
    const command = space.command([requireProgram("tar", executor), ...unpackArguments(this.#folder)]);
    const child = new Child(command, { stdio: ["pipe", "ignore", "pipe"], signal });
    return { child, words: collectText(child.process.stderr!) };
  }

  /** The pipe broke: the program says why. */
  async #fail(error: unknown): Promise<never> {
    if (this.#program !== undefined) await this.#ended(this.#program);
    throw error;
  }

  async #ended({ child, words }: Program): Promise<void> {
    const { executor, what, signal } = this.#options;
    const { code } = await child.ended;
    signal.throwIfAborted();
    if (code !== 0) throw executorFailed(executor, `unpacking ${what} ended with ${code}: ${words()}`);
  }
}
