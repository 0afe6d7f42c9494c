/**
 * Runs in a process of its own, as whoever the test wants: `suite <stateDir>` prints a JSON line for each case of the
 * conformance suite, `hang <stateDir> <mark>` runs a command that does not end and says when it has started.
 */
import { createNamespacesExecutor } from "../../src/executor/namespaces/namespaces-executor.js";
import { executorConformance } from "../../src/testing/executor/executor-conformance.js";
import { Lab } from "../../src/testing/executor/lab.js";

const [action, stateDir, mark] = process.argv.slice(2) as [string, string, string | undefined];

if (action === "suite") {
  for (const { name, run } of executorConformance(async () => createNamespacesExecutor({ stateDir }))) {
    const result = await run().then(
      (skipped) => ({ name, skipped }),
      (error: unknown) => ({ name, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
    process.stdout.write(`${JSON.stringify(result)}\n`);
  }
} else {
  const executor = createNamespacesExecutor({ stateDir });
  const users = (await executor.probe()) as { capabilities?: { ids: string } };
  const uid = users.capabilities?.ids === "all" ? 7 : 0;
  await new Lab().run(executor, {
    script: `(sleep ${mark} &); (setsid sleep ${mark} &); echo started; sleep ${mark}`,
    user: { uid, gid: uid, additionalGids: [] },
    onOutput: () => void process.stdout.write("started\n"),
  });
}
