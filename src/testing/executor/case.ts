/** A case of the conformance suite of executors. */
import type { Executor, ExecutorCapabilities, Lack } from "../../executor/contract.js";
import type { Lab } from "./lab.js";

/** For `needs`: executors that do not lack it. */
export function has(what: Lack): (capabilities: ExecutorCapabilities) => boolean {
  return ({ lacks }) => lacks?.includes(what) !== true;
}

export interface ExecutorCase {
  /** A sentence about behaviour. */
  readonly name: string;
  /** Whether the case says anything about an executor that can do this. */
  readonly needs?: (capabilities: ExecutorCapabilities, executor: Executor) => boolean;
  run(executor: Executor, lab: Lab): Promise<void>;
}
