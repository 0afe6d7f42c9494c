/** What every executor must do, as cases without a test runner: ours and anybody else's pass them. */
import type { Executor } from "../../executor/contract.js";
import { CACHE_CASES } from "./cache-cases.js";
import { COMMAND_CASES } from "./command-cases.js";
import { FILE_CASES } from "./file-cases.js";
import { Lab } from "./lab.js";
import { MOUNT_CASES } from "./mount-cases.js";

export interface ConformanceCase {
  /** A sentence about behaviour; unique. */
  readonly name: string;
  /** Rejects with what is wrong. Resolves to a sentence when the executor says that it cannot do this at all. */
  run(): Promise<string | undefined>;
}

/**
 * The cases for the executors that `make` gives, each disposed of after its case. They need a static BusyBox at
 * `/bin/busybox` and run on the machine's own platform.
 */
export function executorConformance(make: () => Promise<Executor>): readonly ConformanceCase[] {
  return [...FILE_CASES, ...COMMAND_CASES, ...MOUNT_CASES, ...CACHE_CASES].map(({ name, needs, run }) => ({
    name,
    async run() {
      const executor = await make();
      try {
        const probe = await executor.probe();
        if (!probe.usable) throw new Error(`executor "${executor.name}" is not usable: ${probe.reason}`);
        if (needs !== undefined && !needs(probe.capabilities, executor))
          return `"${executor.name}" says that it cannot`;
        await run(executor, new Lab());
        return undefined;
      } finally {
        await executor[Symbol.asyncDispose]();
      }
    },
  }));
}
