/** What the build's options say of every RUN, and who runs it. */
import type { Executor, RunSpec } from "../../executor/contract.js";
import type { JsonObject } from "../../util/canonical-json.js";

export interface RunExecution {
  /** Asked for when a command has to run; always the same. @throws EXECUTOR_NONE, EXECUTOR_UNSUPPORTED; the signal's reason */
  readonly executor: () => Promise<Executor>;
  /** Of commands that do not say which. */
  readonly network: RunSpec["network"];
  readonly hostname: string;
  /** Lines for /etc/hosts. */
  readonly hosts: RunSpec["hosts"];
  readonly shmSizeBytes: number | undefined;
  readonly ulimits: RunSpec["ulimits"];
  /** Value of a secret; `undefined` when the build was given none of this id. */
  readonly secret: (id: string) => Promise<Uint8Array | undefined>;
  /** Path of an agent's socket; `undefined` when none is forwarded under this id. */
  readonly sshSocket: (id: string) => string | undefined;
}

/** Most bytes of what one command may change. */
export const CHANGESET_LIMIT_BYTES: number = 64 * 1024 ** 3;

/** What of it enters the cache keys of commands: what they can see. Who runs them is none of it. */
export function projectExecution(execution: Omit<RunExecution, "executor" | "secret">): JsonObject {
  const { network, hostname, hosts, shmSizeBytes, ulimits } = execution;
  return {
    network,
    hostname,
    hosts: hosts.map(({ address, name }) => [address, name]),
    shmSizeBytes: shmSizeBytes ?? null,
    ulimits: ulimits.map(({ name, soft, hard }) => [name, soft, hard]),
  };
}
