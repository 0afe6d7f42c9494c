/** Runs commands in containers of an OCI runtime of this machine, over an overlay of prepared layers. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bytesOf, textOf } from "../../util/bytes.js";
import type { Executor, ExecutorProbe, RunIO, RunOutcome, RunSpec } from "../contract.js";
import { CacheFolders } from "../kit/cache-folders.js";
import { executorFailed } from "../kit/failures.js";
import { FifoPool } from "../kit/fifo-pool.js";
import { type IdSpace, ROOT_IDS } from "../kit/id-space.js";
import { LayerStore } from "../kit/layer-store.js";
import { ScratchFolders } from "../kit/scratch-folders.js";
import { openChangeset } from "../namespaces/changeset-stream.js";
import { OverlayStack } from "../namespaces/overlay-stack.js";
import { probeNamespaces } from "../namespaces/probe.js";
import { runCommand } from "../namespaces/run-command.js";
import { RunMounts } from "../namespaces/run-mounts.js";
import { seedCache } from "../namespaces/seed-cache.js";
import { bundleConfig } from "./bundle-config.js";
import { BundleMounts } from "./bundle-mounts.js";
import { bundleScript } from "./bundle-script.js";
import { tryRuntime } from "./probe.js";
import { bundleProcess } from "./run-environment.js";
import { installedRuntimes, type Runtime, type RuntimeName } from "./runtime.js";
import { addBundleMounts, addRuntimeMounts } from "./system-mounts.js";

export const RUNC = "runc";

export interface RuncExecutorOptions {
  /** Holds prepared layers, cache mounts and what runs need; made 0700 when it is missing. Not on an overlay. */
  readonly stateDir: string;
  /** runc without it. */
  readonly runtime?: RuntimeName;
}

/** What stands while the executor is in use. */
interface Workshop {
  readonly space: IdSpace;
  readonly scratch: ScratchFolders;
  readonly layers: LayerStore;
  readonly caches: CacheFolders;
  readonly pipes: FifoPool;
}

/** An executor over any OCI runtime that is installed. */
export function createRuncExecutor(options: RuncExecutorOptions): Executor {
  return new RuncExecutor(options);
}

class RuncExecutor implements Executor {
  readonly name = RUNC;
  readonly #stateDir: string;
  readonly #wanted: RuntimeName | undefined;
  readonly #live = new Set<() => Promise<void>>();
  #runtime: Runtime | undefined;
  #workshop: Promise<Workshop> | undefined;

  constructor({ stateDir, runtime }: RuncExecutorOptions) {
    this.#stateDir = stateDir;
    this.#wanted = runtime;
  }

  async probe(options: { readonly signal?: AbortSignal } = {}): Promise<ExecutorProbe> {
    const signal = options.signal ?? new AbortController().signal;
    signal.throwIfAborted();
    const runtimes = process.platform === "linux" ? installedRuntimes(this.#wanted) : [];
    if (runtimes.length === 0) {
      return { usable: false, reason: "No OCI runtime is installed.", hint: "Install runc." };
    }
    if (process.getuid?.() !== 0) {
      return { usable: false, reason: "Containers of an OCI runtime are made by root only.", hint: "Use namespaces." };
    }
    const ground = await probeNamespaces(this.#stateDir, signal);
    if (!ground.usable) return ground;
    const workshop = await this.#open();
    const problems: string[] = [];
    for (const runtime of runtimes) {
      const problem = await tryRuntime(runtime, { executor: RUNC, ...workshop }, signal);
      if (problem !== undefined) {
        problems.push(problem);
        continue;
      }
      this.#runtime = runtime;
      const note = `It runs ${runtime.name}; seccomp denies what Docker documents as denied, and allows the rest.`;
      const notes = ground.note === undefined ? note : `${ground.note} ${note}`;
      return { usable: true, note: notes, capabilities: { ...ground.capabilities, boundary: "container" } };
    }
    return { usable: false, reason: problems.join("; "), hint: "Use the executor namespaces, or another runtime." };
  }

  async run(spec: RunSpec, io: RunIO): Promise<RunOutcome> {
    io.signal.throwIfAborted();
    const { space, scratch, layers, caches, pipes } = await this.#open();
    this.#runtime ??= installedRuntimes(this.#wanted)[0];
    const runtime = this.#runtime;
    if (runtime === undefined) throw executorFailed(RUNC, "no OCI runtime is installed", "Install runc.");
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
      mkdirSync(join(folder, "bundle"), { mode: 0o700 });
      const stack = new OverlayStack(view, { folder, name: "run", isWritable: true }, RUNC, space);
      assertCwd(stack, spec.cwd);
      const fstab = new BundleMounts(stack.mountedAt, RUNC);
      fstab.addLater("overlay", stack.mountedAt, "overlay", () => stack.options());
      addRuntimeMounts(fstab, folder);
      addBundleMounts(fstab, stack, folder, spec, space);
      mounts = new RunMounts({ executor: RUNC, folder, fstab, stack, space, layers, caches });
      await mounts.add(spec, io);
      writeFileSync(join(folder, "fstab"), fstab.text(), "latin1");
      const { args, env } = bundleProcess(spec, mounts.secretEnv, mounts.sshAuthSock, view, RUNC);
      const root = textOf(stack.mountedAt);
      const config = bundleConfig({ executor: RUNC, spec, root, args, env, mounts: fstab.inside() });
      const hasNetwork = spec.network !== "none";
      const script = bundleScript({ executor: RUNC, runtime, folder, config, hasNetwork, before: mounts.before });
      const { exitCode, signal } = await runCommand({ executor: RUNC, space, pipes, script, spec, io });
      if (exitCode !== 0) return { exitCode, ...(signal === undefined ? {} : { signal }), changeset: null };
      isKept = true;
      const limitBytes = spec.changesetLimitBytes;
      const { upper, root: rootMeta } = stack;
      return {
        exitCode: 0,
        changeset: openChangeset({
          executor: RUNC,
          space,
          upper,
          root: rootMeta,
          limitBytes,
          release,
          signal: io.signal,
        }),
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

  #open(): Promise<Workshop> {
    this.#workshop ??= openWorkshop(this.#stateDir);
    this.#workshop.catch(() => {
      this.#workshop = undefined;
    });
    return this.#workshop;
  }
}

async function openWorkshop(stateDir: string): Promise<Workshop> {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const space = ROOT_IDS;
  const scratch = new ScratchFolders(stateDir, space);
  await scratch.sweep();
  const layers = new LayerStore({ stateDir, executor: RUNC, space, scratch });
  const caches = new CacheFolders({
    stateDir,
    executor: RUNC,
    space,
    scratch,
    fill: (mount, folder, io) => seedCache({ executor: RUNC, space, scratch, layers }, mount, folder, io),
  });
  return { space, scratch, layers, caches, pipes: new FifoPool(scratch.make(), RUNC) };
}

function assertCwd(stack: OverlayStack, cwd: string): void {
  const { stat, path } = stack.resolve(bytesOf(cwd));
  if (path === "" || stat?.isDirectory()) return;
  const got = stat === undefined ? "nothing" : "a file";
  throw executorFailed(RUNC, `working directory "${cwd}" expected a directory of the image but got ${got}`);
}
