/** Runs commands over an overlay of prepared layers; how they are started is a `RunStyle`. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { isOcibuildError } from "../../errors.js";
import { bytesOf } from "../../util/bytes.js";
import type { ExecutorCaches, RunIO, RunOutcome, RunSpec } from "../contract.js";
import { changesetRewrite } from "../kit/changeset.js";
import { openChangeset } from "../kit/changeset-stream.js";
import { requireProgram } from "../kit/programs.js";
import type { ScratchFolders } from "../kit/scratch-folders.js";
import { readAllArguments } from "../kit/tar-arguments.js";
import { forgetTrials } from "../kit/trial-memory.js";
import type { Fstab } from "./fstab.js";
import { makeStackFolders, OverlayStack } from "./overlay-stack.js";
import { runCommand } from "./run-command.js";
import { RunFolders } from "./run-folders.js";
import { RunMounts } from "./run-mounts.js";
import type { RunInput, RunPlace, RunStyle } from "./run-style.js";
import { closeWorkshop, openWorkshop, type Workshop } from "./workshop.js";

/** The command's own file system, in the folder of its run. */
const ROOT = { name: "run", isWritable: true } as const;

export class OverlayRunner implements AsyncDisposable {
  readonly #executor: string;
  readonly #stateDir: string;
  /** Changesets that nobody has read to their end. */
  readonly #live = new Set<() => Promise<void>>();
  #workshop: Promise<Workshop> | undefined;
  #folders: RunFolders | undefined;

  constructor(executor: string, stateDir: string) {
    this.#executor = executor;
    this.#stateDir = stateDir;
  }

  /** Opened at the first call, and again after a failure. @throws EXECUTOR_FAILED */
  workshop(): Promise<Workshop> {
    this.#workshop ??= openWorkshop(this.#executor, this.#stateDir);
    this.#workshop.catch(() => {
      this.#workshop = undefined;
    });
    return this.#workshop;
  }

  /** As `Executor.caches`. */
  readonly caches: ExecutorCaches = {
    read: async (mount, options) => (await this.workshop()).caches.read(mount, options),
    fill: async (mount, open, options) => (await this.workshop()).caches.fill(mount, open, options),
  };

  /** As `Executor.run`. */
  async run<Table extends Fstab>(spec: RunSpec, io: RunIO, style: RunStyle<Table>): Promise<RunOutcome> {
    io.signal.throwIfAborted();
    const executor = this.#executor;
    const { space, scratch, layers, caches, pipes, devices } = await this.workshop();
    const view = await layers.prepare(spec.rootfs.layers, io);
    const folders = this.#foldersOf(scratch, (folder) => style.furnish(folder, space));
    const folder = await folders.take();
    const release = async (): Promise<void> => {
      this.#live.delete(release);
      await scratch.remove(folder);
    };
    this.#live.add(release);
    let isKept = false;
    let mounts: RunMounts | undefined;
    try {
      const stack = new OverlayStack(view, { folder, ...ROOT }, executor, space);
      stack.assertFolder(bytesOf(spec.cwd));
      const place: RunPlace = { spec, stack, folder, space, devices };
      const table = style.table(place);
      table.addLater("overlay", stack.mountedAt, "overlay", () => stack.options());
      style.addSystem(table, place);
      mounts = new RunMounts({ executor, folder, fstab: table, stack, space, layers, caches });
      await mounts.add(spec, io);
      writeFileSync(join(folder, "fstab"), table.text(), "latin1");
      const input: RunInput = io.terminal !== undefined ? "terminal" : io.stdin !== undefined ? "stdin" : "none";
      const script = style.script(table, mounts, { ...place, input });
      const running = runCommand({ executor, space, pipes, script, spec, io });
      // Now that nothing waits for us there is time for what earlier commands have left, and for the next one.
      setImmediate(() => {
        // A run that could not begin may be over by now, and the executor closed.
        if (!this.#live.has(release)) return;
        void folders.makeNext();
        scratch.removeLeft();
      });
      const { exitCode, signal } = await running.catch((error: unknown) => {
        // Perhaps the machine is not any more what it was when it was tried.
        if (isOcibuildError(error, "EXECUTOR_FAILED")) forgetTrials(this.#stateDir);
        throw error;
      });
      const ended = { exitCode, ...(signal === undefined ? {} : { signal }) };
      if (exitCode !== 0 && spec.keepsFailed !== true) return { ...ended, changeset: null };
      isKept = true;
      const { upper, root } = stack;
      const limitBytes = spec.changesetLimitBytes;
      const command = space.command([requireProgram("tar", executor), ...readAllArguments(upper)]);
      const rewrite = changesetRewrite({ executor, limitBytes, root });
      const leave = async (): Promise<void> => {
        this.#live.delete(release);
        scratch.leave(folder);
      };
      const changeset = openChangeset({ executor, command, rewrite, release: leave, signal: io.signal });
      return { ...ended, changeset };
    } finally {
      await mounts?.close();
      if (!isKept) await release();
    }
  }

  #foldersOf(scratch: ScratchFolders, furnish: (folder: string) => void): RunFolders {
    this.#folders ??= new RunFolders(scratch, (folder) => {
      makeStackFolders({ folder, ...ROOT });
      furnish(folder);
    });
    return this.#folders;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const workshop = await this.#workshop?.catch(() => undefined);
    for (const release of [...this.#live]) await release();
    if (workshop === undefined) return;
    this.#workshop = undefined;
    this.#folders = undefined;
    await closeWorkshop(workshop);
  }
}
