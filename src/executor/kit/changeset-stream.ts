/** The changeset of a run, read from disk when somebody asks for it. */
import { Child, collectText } from "./child.js";
import { executorFailed } from "./failures.js";
import { rewriteTar, type TarRewrite } from "./tar-rewriter.js";

export interface ChangesetSource {
  readonly executor: string;
  /** Prints the changed files as a tar. */
  readonly command: readonly string[];
  /** For its standard input. */
  readonly input?: Buffer;
  readonly rewrite: TarRewrite;
  readonly signal: AbortSignal;
  /** Releases the files; called once they are not needed any more. */
  release(): Promise<void>;
}

/** Iterated once; its end, early or not, releases the files. */
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
  const { executor, command, input, rewrite, signal } = source;
  try {
    signal.throwIfAborted();
    const child = new Child(command, { stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"], signal });
    if (input !== undefined) child.input().end(input);
    const words = collectText(child.process.stderr!);
    try {
      yield* rewriteTar(child.output(), rewrite);
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
