/**
 * Runs commands in namespaces of the kernel with the tools of util-linux, over an overlay of prepared layers.
 * docs/design/executor.md says what it keeps in and what it does not.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bytesOf } from "../../util/bytes.js";
import type { Executor, ExecutorProbe, RunIO, RunOutcome, RunSpec } from "../contract.js";
import { CacheFolders } from "../kit/cache-folders.js";
import { executorFailed } from "../kit/failures.js";
import { FifoPool } from "../kit/fifo-pool.js";
import { type IdSpace, ROOT_IDS } from "../kit/id-space.js";
import { LayerStore } from "../kit/layer-store.js";
import { ScratchFolders } from "../kit/scratch-folders.js";
import { openChangeset } from "./changeset-stream.js";
import { commandEnvironment } from "./command-environment.js";
import { Fstab } from "./fstab.js";
import { OverlayStack } from "./overlay-stack.js";
import { probeNamespaces } from "./probe.js";
import { runCommand } from "./run-command.js";
import { RunMounts } from "./run-mounts.js";
import { runScript } from "./run-script.js";
import { seedCache } from "./seed-cache.js";
import { addSystemMounts } from "./system-mounts.js";
import { openUserIds } from "./user-ids.js";

export const NAMESPACES = "namespaces";

export interface NamespacesExecutorOptions {
  /** Holds prepared layers, cache mounts and what runs need; made 0700 when it is missing. On a file system of its own right: not itself an overlay. */
  readonly stateDir: string;
}

/** What stands while the executor is in use. */
interface Workshop {
  readonly space: IdSpace;
  readonly scratch: ScratchFolders;
  readonly layers: LayerStore;
  readonly caches: CacheFolders;
  readonly pipes: FifoPool;
}

/** An executor that needs nothing but util-linux, GNU tar and the kernel; as root or as an ordinary user. */
export function createNamespacesExecutor(options: NamespacesExecutorOptions): Executor {
  return new NamespacesExecutor(options.stateDir);
}

class NamespacesExecutor implements Executor {
  readonly name = NAMESPACES;
  readonly #stateDir: string;
  readonly #live = new Set<() => Promise<void>>();
  #workshop: Promise<Workshop> | undefined;

  constructor(stateDir: string) {
    this.#stateDir = stateDir;
  }

  probe(options: { readonly signal?: AbortSignal } = {}): Promise<ExecutorProbe> {
    return probeNamespaces(this.#stateDir, options.signal);
  }

  async run(spec: RunSpec, io: RunIO): Promise<RunOutcome> {
    io.signal.throwIfAborted();
    this.#workshop ??= this.#open();
    this.#workshop.catch(() => {
      this.#workshop = undefined;
    });
    const { space, scratch, layers, caches, pipes } = await this.#workshop;
    const view = await layers.prepare(spec.rootfs.layers, io);
    const folder = scratch.make();
    const release = async (): Promise<void> => {
      this.#live.delete(release);
      await scratch.remove(folder);
    };
    this.#live.add(release);
    let isKept = false;
    let mounts: RunMounts | undefined;
    try {
      const stack = new OverlayStack(view, { folder, name: "run", isWritable: true }, NAMESPACES, space);
      this.#assertCwd(stack, spec.cwd);
      const fstab = new Fstab();
      fstab.addLater("overlay", stack.mountedAt, "overlay", () => stack.options());
      addSystemMounts(fstab, stack, folder, spec, space);
      mounts = new RunMounts({ executor: NAMESPACES, folder, fstab, stack, space, layers, caches });
      await mounts.add(spec, io);
      writeFileSync(join(folder, "fstab"), fstab.text(), "latin1");
      const env = withSshAuthSock(spec.env, mounts.sshAuthSock);
      const environment = commandEnvironment(env, mounts.secretEnv, view, NAMESPACES);
      const script = runScript({ executor: NAMESPACES, space, folder, spec, environment, before: mounts.before });
      const { exitCode, signal } = await runCommand({ executor: NAMESPACES, space, pipes, script, spec, io });
      if (exitCode !== 0) return { exitCode, ...(signal === undefined ? {} : { signal }), changeset: null };
      isKept = true;
      const limitBytes = spec.changesetLimitBytes;
      const { upper, root } = stack;
      return {
        exitCode: 0,
        changeset: openChangeset({ executor: NAMESPACES, space, upper, root, limitBytes, release, signal: io.signal }),
      };
    } finally {
      await mounts?.close();
      if (!isKept) await release();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const workshop = await this.#workshop?.catch(() => undefined);
    for (const release of [...this.#live]) await release();
    if (workshop === undefined) return;
    this.#workshop = undefined;
    await workshop.scratch.close();
    await workshop.space.close();
  }

  async #open(): Promise<Workshop> {
    mkdirSync(this.#stateDir, { recursive: true, mode: 0o700 });
    const space = process.getuid?.() === 0 ? ROOT_IDS : await openUserIds(NAMESPACES);
    const stateDir = this.#stateDir;
    const scratch = new ScratchFolders(stateDir, space);
    await scratch.sweep();
    const layers = new LayerStore({ stateDir, executor: NAMESPACES, space, scratch });
    const caches: CacheFolders = new CacheFolders({
      stateDir,
      executor: NAMESPACES,
      space,
      scratch,
      fill: (mount, folder, io) => seedCache({ executor: NAMESPACES, space, scratch, layers }, mount, folder, io),
    });
    return { space, scratch, layers, caches, pipes: new FifoPool(scratch.make(), NAMESPACES) };
  }

  #assertCwd(stack: OverlayStack, cwd: string): void {
    const { stat, path } = stack.resolve(bytesOf(cwd));
    if (path === "" || stat?.isDirectory()) return;
    throw executorFailed(
      NAMESPACES,
      `working directory "${cwd}" expected a directory of the image but got ${stat === undefined ? "nothing" : "a file"}`,
    );
  }
}

function withSshAuthSock(env: readonly string[], socket: string | undefined): readonly string[] {
  if (socket === undefined || env.some((line) => line.startsWith("SSH_AUTH_SOCK="))) return env;
  return [...env, `SSH_AUTH_SOCK=${socket}`];
}
