/**
 * Runs commands in namespaces of the kernel with the tools of util-linux, over an overlay of prepared layers.
 * docs/design/executor-namespaces.md says what it keeps in and what it does not.
 */
import type { Executor } from "../contract.js";
import { commandEnvironment } from "../kit/command-environment.js";
import { makeDeviceFolder } from "../overlay/base-mounts.js";
import { Fstab } from "../overlay/fstab.js";
import { OverlayRunner } from "../overlay/overlay-runner.js";
import { probeNamespaces } from "../overlay/probe.js";
import type { RunStyle } from "../overlay/run-style.js";
import { runScript } from "./run-script.js";
import { addSystemMounts } from "./system-mounts.js";

export const NAMESPACES = "namespaces";

export interface NamespacesExecutorOptions {
  /** Holds prepared layers, cache mounts and what runs need; made 0700 when it is missing. Not on an overlay. */
  readonly stateDir: string;
}

/** An executor that needs nothing but util-linux, GNU tar and the kernel; as root or as an ordinary user. */
export function createNamespacesExecutor({ stateDir }: NamespacesExecutorOptions): Executor {
  const runner = new OverlayRunner(NAMESPACES, stateDir);
  return {
    name: NAMESPACES,
    probe: ({ signal } = {}) => probeNamespaces(stateDir, signal),
    run: (spec, io) => runner.run(spec, io, STYLE),
    caches: runner.caches,
    [Symbol.asyncDispose]: () => runner[Symbol.asyncDispose](),
  };
}

const STYLE: RunStyle<Fstab> = {
  furnish: makeDeviceFolder,
  table: () => new Fstab(),
  addSystem: addSystemMounts,
  script: (_, mounts, { spec, stack, folder, space, input }) => {
    const env = mounts.withSshAuthSock(spec.env);
    const environment = commandEnvironment(env, mounts.secretEnv, stack.view, NAMESPACES);
    return runScript({ executor: NAMESPACES, space, folder, spec, environment, before: mounts.before, input });
  },
};
