/** The executors that run over overlays, by name. */
import type { Executor } from "../../src/executor/contract.js";
import { createNamespacesExecutor } from "../../src/executor/namespaces/namespaces-executor.js";
import { createRuncExecutor } from "../../src/executor/runc/runc-executor.js";

export type OverlayExecutorName = "namespaces" | "crun" | "runc";

export function overlayExecutor(name: OverlayExecutorName, stateDir: string): Executor {
  return name === "namespaces"
    ? createNamespacesExecutor({ stateDir })
    : createRuncExecutor({ stateDir, runtime: name });
}
