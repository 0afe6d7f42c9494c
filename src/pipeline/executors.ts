/** The executors that this version has, by name; their modules are loaded when they are asked for. */
import { join } from "node:path";
import { OcibuildError } from "../errors.js";
import type { OnEvent } from "../events.js";
import type { Executor } from "../executor/contract.js";

export interface ExecutorOptions {
  /** Folder of the store: what an executor keeps from build to build is below it. */
  readonly root: string;
  /** Environment of this process: where programs are looked for. Commands see nothing of it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onEvent: OnEvent;
  readonly signal: AbortSignal;
}

type Make = (options: ExecutorOptions) => Promise<Executor>;

/** Where prepared layers and cache mounts are, for all executors that run over overlays of them. */
const overlayState = (root: string): string => join(root, "executors", "overlay");

/** All that this version has. */
const EXECUTORS: ReadonlyMap<string, Make> = new Map<string, Make>([
  [
    "runc",
    async ({ root }) => {
      const { createRuncExecutor } = await import("../executor/runc/runc-executor.js");
      return createRuncExecutor({ stateDir: overlayState(root) });
    },
  ],
  [
    "namespaces",
    async ({ root }) => {
      const { createNamespacesExecutor } = await import("../executor/namespaces/namespaces-executor.js");
      return createNamespacesExecutor({ stateDir: overlayState(root) });
    },
  ],
  [
    "chroot",
    async ({ root }) => {
      const { createChrootExecutor } = await import("../executor/chroot/chroot-executor.js");
      return createChrootExecutor({ stateDir: join(root, "executors", "chroot") });
    },
  ],
  [
    "buildkit",
    async ({ root, env }) => {
      const { createBuildkitExecutor } = await import("../executor/buildkit/buildkit-executor.js");
      return createBuildkitExecutor({ stateDir: join(root, "executors", "buildkit"), env });
    },
  ],
  [
    "docker",
    async ({ root, env }) => {
      const { createDockerExecutor } = await import("../executor/docker/docker-executor.js");
      return createDockerExecutor({ stateDir: join(root, "executors", "docker"), env });
    },
  ],
]);

/**
 * What `auto` tries, strongest first; never anything weaker than these. An engine is asked for by name where this
 * machine can run commands itself.
 */
export const AUTOMATIC: readonly string[] = process.platform === "linux" ? ["runc", "namespaces"] : ["docker"];

/** Weaker than those: never taken, but named where none of them works and it does. */
export const LAST_RESORT = "chroot";

/** @throws OPTIONS_INVALID for a name that no executor has */
export function assertKnownExecutor(wanted: string | Executor | undefined): void {
  const isKnown = typeof wanted !== "string" || wanted === "auto" || wanted === "none" || EXECUTORS.has(wanted);
  if (!isKnown) throw unknownExecutor(wanted);
}

/** @throws OPTIONS_INVALID */
export function makeExecutor(name: string, options: ExecutorOptions): Promise<Executor> {
  const make = EXECUTORS.get(name);
  if (make === undefined) throw unknownExecutor(name);
  return make(options);
}

function unknownExecutor(name: string): OcibuildError<"OPTIONS_INVALID"> {
  const known = ["auto", ...EXECUTORS.keys(), "none"];
  return new OcibuildError("OPTIONS_INVALID", `executor "${name}" is not known`, {
    details: { option: "executor" },
    hint: `Expected one of ${known.join(", ")}.`,
  });
}
