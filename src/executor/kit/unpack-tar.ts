/** A tar that can be unpacked by anybody (see `LayerRewrite`) → files, by GNU tar. */
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

/** Unpacks `tar`, which comes in pieces that stay as they are, into the empty folder `folder`. @throws EXECUTOR_FAILED, what `tar` throws, the signal's reason */
export async function unpackTar(
  tar: AsyncIterable<readonly Buffer[]>,
  folder: string,
  { executor, space, what, signal }: UnpackOptions,
): Promise<void> {
  const command = space.command([requireProgram("tar", executor), ...unpackArguments(folder)]);
  const child = new Child(command, { stdio: ["pipe", "ignore", "pipe"], signal });
  const words = collectText(child.process.stderr!);
  try {
    // The next pieces are made while the program takes the last ones.
    let writing = Promise.resolve();
    for await (const parts of tar) {
      await writing;
      writing = writeAll(child.input(), parts);
      writing.catch(() => undefined);
    }
    await writing;
    child.input().end();
  } catch (error) {
    child.input().destroy();
    const end = await child.ended;
    signal.throwIfAborted();
    if (end.code === 0 || end.code === null || (error as NodeJS.ErrnoException).code !== "EPIPE") throw error;
  }
  const { code } = await child.ended;
  signal.throwIfAborted();
  if (code !== 0) throw executorFailed(executor, `unpacking ${what} ended with ${code}: ${words()}`);
}
