/** The changeset of a run, read from the upper folder when somebody asks for it. */

import { changesetRewrite, changesetTarArguments } from "../kit/changeset.js";
import { Child, collectText } from "../kit/child.js";
import { executorFailed } from "../kit/failures.js";
import type { IdSpace } from "../kit/id-space.js";
import type { RootMeta } from "../kit/prepared-layer.js";
import { requireProgram } from "../kit/programs.js";
import { rewriteTar } from "../kit/tar-rewriter.js";

export interface ChangesetSource {
  readonly executor: string;
  readonly space: IdSpace;
  readonly upper: string;
  readonly root: RootMeta;
  readonly limitBytes: number;
  readonly signal: AbortSignal;
  /** Removes the upper folder; called once it is not needed any more. */
  release(): Promise<void>;
}

/** Iterated once; its end, early or not, releases the upper folder. */
export function openChangeset(source: ChangesetSource): AsyncIterable<Buffer> & AsyncDisposable {
  const chunks = readChangeset(source);
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => chunks.next(),
      return: async () => {
        await chunks.return(undefined);
        // A generator that never started has nothing to leave.
        await source.release();
        return { done: true, value: undefined };
      },
    }),
    [Symbol.asyncDispose]: async () => {
      await chunks.return(undefined);
      await source.release();
    },
  };
}

async function* readChangeset(source: ChangesetSource): AsyncGenerator<Buffer, void, undefined> {
  const { executor, space, upper, root, limitBytes, signal } = source;
  try {
    signal.throwIfAborted();
    const command = space.command([requireProgram("tar", executor), ...changesetTarArguments(upper)]);
    const child = new Child(command, { stdio: ["ignore", "pipe", "pipe"], signal });
    const words = collectText(child.process.stderr!);
    try {
      yield* rewriteTar(child.output(), changesetRewrite({ executor, limitBytes, root }));
      const { code } = await child.ended;
      if (code !== 0) throw executorFailed(executor, `reading what changed ended with ${code}: ${words()}`);
    } catch (error) {
      signal.throwIfAborted();
      const { code } = await Promise.race([child.ended, Promise.resolve({ code: 0 })]);
      if (code !== 0)
        throw executorFailed(executor, `reading what changed ended with ${code}: ${words()}`, undefined, error);
      throw error;
    } finally {
      child.kill();
    }
  } finally {
    await source.release();
  }
}
