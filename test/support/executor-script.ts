/**
 * Runs in a process of its own, as whoever the test wants: `suite <executor> <stateDir>` prints a JSON line for each case
 * of the conformance suite, `hang <executor> <stateDir> <mark>` runs a command that does not end and says when it has
 * started.
 */
import { executorConformance } from "../../src/testing/executor/executor-conformance.js";
import { Lab } from "../../src/testing/executor/lab.js";
import { type OverlayExecutorName, overlayExecutor } from "./overlay-executors.js";

type Arguments = [action: string, executor: OverlayExecutorName, stateDir: string, mark: string | undefined];
const [action, which, stateDir, mark] = process.argv.slice(2) as Arguments;
const makeExecutor = () => overlayExecutor(which, stateDir);

if (action === "suite") {
  for (const { name, run } of executorConformance(async () => makeExecutor())) {
    const result = await run().then(
      (skipped) => ({ name, skipped }),
      (error: unknown) => ({ name, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
    process.stdout.write(`${JSON.stringify(result)}\n`);
  }
} else {
  const executor = makeExecutor();
  const users = (await executor.probe()) as { capabilities?: { ids: string } };
  const uid = users.capabilities?.ids === "all" ? 7 : 0;
  await new Lab().run(executor, {
    script: `(sleep ${mark} &); (setsid sleep ${mark} &); echo started; sleep ${mark}`,
    user: { uid, gid: uid, additionalGids: [] },
    onOutput: () => void process.stdout.write("started\n"),
  });
}
