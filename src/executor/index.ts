/** `ocibuild/executor`: the contract for whoever writes an executor. `executorConformance` of `ocibuild/testing` holds it to that. */
export type { ChainId, DiffId } from "../oci/digest.js";
export type { Platform } from "../oci/types.js";
export type {
  CacheContent,
  CacheMount,
  CacheReadOptions,
  Executor,
  ExecutorCaches,
  ExecutorCapabilities,
  ExecutorProbe,
  Interaction,
  Lack,
  LayerReading,
  Mount,
  RootFiles,
  RunIO,
  RunOutcome,
  RunSpec,
  RunTerminal,
} from "./contract.js";
