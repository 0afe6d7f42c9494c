/** Locks of the kernel on files, held by flock(1): a holder that dies, however, has let go. */
import { Child, collectText } from "./child.js";
import { executorFailed } from "./failures.js";
import { requireProgram } from "./programs.js";

export interface FileLock {
  release(): Promise<void>;
}

export interface LockOptions {
  readonly executor: string;
  readonly exclusive: boolean;
  /** Whether to wait for other holders, or for how many milliseconds; then `undefined` is the answer. */
  readonly wait: boolean | number;
  readonly signal: AbortSignal;
}

/** Locks the file `path`, which is made when it is missing. @throws EXECUTOR_FAILED, the signal's reason */
export async function lockFile(path: string, options: LockOptions): Promise<FileLock | undefined> {
  const { executor, exclusive, wait, signal } = options;
  signal.throwIfAborted();
  const sh = requireProgram("sh", executor);
  const child = new Child(
    [
      requireProgram("setpriv", executor),
      "--pdeathsig=KILL",
      "--",
      requireProgram("flock", executor),
      exclusive ? "--exclusive" : "--shared",
      ...(wait === true ? [] : wait === false ? ["--nonblock"] : [`--timeout=${wait / 1000}`]),
      "--conflict-exit-code=75",
      path,
      sh,
      "-c",
      "echo held; read -r end",
    ],
    { stdio: ["pipe", "pipe", "pipe"], signal },
  );
  const words = collectText(child.process.stderr!);
  const held = new Promise<boolean>((resolve) => {
    child.output().once("data", () => resolve(true));
    child.ended.then(
      () => resolve(false),
      () => resolve(false),
    );
  });
  if (await held) {
    // Aborting a run must not let go of what it still uses: the lock ends with `release`.
    return {
      release: async () => {
        child.input().end();
        await child.ended;
      },
    };
  }
  const { code } = await child.ended;
  signal.throwIfAborted();
  if (code === 75) return undefined;
  throw executorFailed(executor, `locking "${path}" ended with ${code}: ${words()}`);
}
