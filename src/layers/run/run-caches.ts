/** Cache mounts of a command and the caches that are shared: filled where they are new, and remembered for the export. */
import type { Executor } from "../../executor/contract.js";
import type { RunContext } from "../run-context.js";
import type { CacheUse } from "./run-mounts.js";

/** To be called when the command really runs, and before it does. @throws the signal's reason, and what reading seeds throws */
export async function shareCaches(run: RunContext, executor: Executor, uses: readonly CacheUse[]): Promise<void> {
  const mounts = run.shared?.mounts;
  if (mounts?.areWanted !== true) return;
  for (const { mount, seed } of uses) await mounts.use(mount, await seed(), executor, run.signal);
}
