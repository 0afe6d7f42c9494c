/** Runs commands in containers of an OCI runtime of this machine, over an overlay of prepared layers. */
import { textOf } from "../../util/bytes.js";
import type { Executor, ExecutorCaches, ExecutorProbe, RunIO, RunOutcome, RunSpec } from "../contract.js";
import { executorFailed } from "../kit/failures.js";
import { unlessTried } from "../kit/trial-memory.js";
import { makeDeviceFolder } from "../overlay/base-mounts.js";
import { OverlayRunner } from "../overlay/overlay-runner.js";
import { probeNamespaces } from "../overlay/probe.js";
import type { RunStyle } from "../overlay/run-style.js";
import { bundleConfig } from "./bundle-config.js";
import { BundleMounts } from "./bundle-mounts.js";
import { bundleScript } from "./bundle-script.js";
import { tryRuntime } from "./probe.js";
import { bundleProcess } from "./run-environment.js";
import { installedRuntimes, type Runtime, type RuntimeName, untrusted } from "./runtime.js";
import { addBundleMounts, addRuntimeMounts, makeBundleFolder } from "./system-mounts.js";

export const RUNC = "runc";

export interface RuncExecutorOptions {
  /** Holds prepared layers, cache mounts and what runs need; made 0700 when it is missing. Not on an overlay. */
  readonly stateDir: string;
  /** Without it the one that suits who we are. */
  readonly runtime?: RuntimeName;
}

/** An executor over any OCI runtime that is installed. */
export function createRuncExecutor(options: RuncExecutorOptions): Executor {
  return new RuncExecutor(options);
}

class RuncExecutor implements Executor {
  readonly name = RUNC;
  readonly caches: ExecutorCaches;
  readonly #stateDir: string;
  readonly #wanted: RuntimeName | undefined;
  readonly #runner: OverlayRunner;
  #runtime: Runtime | undefined;

  constructor({ stateDir, runtime }: RuncExecutorOptions) {
    this.#stateDir = stateDir;
    this.#wanted = runtime;
    this.#runner = new OverlayRunner(RUNC, stateDir);
    this.caches = this.#runner.caches;
  }

  async probe(options: { readonly signal?: AbortSignal } = {}): Promise<ExecutorProbe> {
    const signal = options.signal ?? new AbortController().signal;
    signal.throwIfAborted();
    const runtimes = process.platform === "linux" ? installedRuntimes(this.#wanted) : [];
    if (runtimes.length === 0) {
      return { usable: false, reason: "No OCI runtime is installed.", hint: "Install crun or runc." };
    }
    // Both start programs and wait for them: side by side they take the time of one.
    const [ground, problems] = await Promise.all([
      probeNamespaces(this.#stateDir, signal),
      this.#chooseRuntime(runtimes, signal),
    ]);
    if (!ground.usable) return ground;
    if (this.#runtime === undefined) return { usable: false, reason: problems.join(" "), hint: "Install runc." };
    const note = `It runs ${this.#runtime.name}; seccomp denies what Docker documents as denied, and allows the rest.`;
    const notes = ground.note === undefined ? note : `${ground.note} ${note}`;
    return { usable: true, note: notes, capabilities: { ...ground.capabilities, boundary: "container" } };
  }

  /** Takes the first that works; returns what was wrong with the others. */
  async #chooseRuntime(runtimes: readonly Runtime[], signal: AbortSignal): Promise<readonly string[]> {
    const problems = runtimes.flatMap((runtime) => untrusted(runtime) ?? []);
    for (const runtime of runtimes.filter(isTrusted)) {
      const trial = { stateDir: this.#stateDir, trial: runtime.name, programs: [runtime.path] };
      const problem = await unlessTried(trial, async () => {
        try {
          return await tryRuntime(runtime, await this.#runner.workshop(), signal);
        } catch (error) {
          signal.throwIfAborted();
          return (error as Error).message;
        }
      });
      if (problem === undefined) {
        this.#runtime = runtime;
        break;
      }
      problems.push(problem);
    }
    return problems;
  }

  async run(spec: RunSpec, io: RunIO): Promise<RunOutcome> {
    this.#runtime ??= installedRuntimes(this.#wanted).find(isTrusted);
    if (this.#runtime === undefined) throw executorFailed(RUNC, "no OCI runtime can be used", "Install runc.");
    return this.#runner.run(spec, io, styleOf(this.#runtime));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#runner[Symbol.asyncDispose]();
  }
}

const isTrusted = (runtime: Runtime): boolean => untrusted(runtime) === undefined;

function styleOf(runtime: Runtime): RunStyle<BundleMounts> {
  return {
    furnish: (folder, space) => {
      makeBundleFolder(folder);
      if (space.overlay === "user") makeDeviceFolder(folder);
    },
    table: ({ stack }) => new BundleMounts(stack.mountedAt, RUNC),
    addSystem: (table, place) => {
      addRuntimeMounts(table, place.folder, runtime);
      addBundleMounts(table, place);
    },
    script: (table, mounts, { spec, stack, folder, input }) => {
      const given = mounts.withSshAuthSock(spec.env);
      const { args, env } = bundleProcess(spec.args, given, mounts.secretEnv, stack.view, RUNC);
      const root = textOf(stack.mountedAt);
      const config = bundleConfig({
        executor: RUNC,
        spec,
        root,
        args,
        env,
        mounts: table.inside(),
        terminal: input === "terminal",
      });
      const hasNetwork = spec.network !== "none";
      return bundleScript({ executor: RUNC, runtime, folder, config, hasNetwork, before: mounts.before, input });
    },
  };
}
