/**
 * Runs in a process of its own, where the test has put it: `suite <stateDir>` prints a JSON line for each case of the
 * conformance suite, `hang <stateDir> <mark>` runs a command that does not end, with a secret in a file where that can be,
 * and says when it has started.
 */
import { createChrootExecutor } from "../../src/executor/chroot/chroot-executor.js";
import { executorConformance } from "../../src/testing/executor/executor-conformance.js";
import { Lab } from "../../src/testing/executor/lab.js";

const [action, stateDir, mark] = process.argv.slice(2) as [string, string, string | undefined];

if (action === "suite") {
  for (const { name, run } of executorConformance(async () => createChrootExecutor({ stateDir }))) {
    const result = await run().then(
      (skipped) => ({ name, skipped }),
      (error: unknown) => ({ name, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
    process.stdout.write(`${JSON.stringify(result)}\n`);
  }
} else {
  const executor = createChrootExecutor({ stateDir });
  const probe = (await executor.probe()) as { capabilities?: { lacks?: readonly string[] } };
  const lab = new Lab();
  const seed = lab.files([]);
  const owner = { mode: 0o755, uid: 7, gid: 7 };
  const hasSecret = probe.capabilities?.lacks?.includes("secret-files") === false;
  await lab.run(executor, {
    script: `echo kept > /cache/f; (sleep ${mark} &); (setsid sleep ${mark} &); echo started; sleep ${mark}`,
    user: { uid: 7, gid: 7, additionalGids: [] },
    mounts: [
      { type: "cache", id: "c", seed, path: "/", target: "/cache", readOnly: false, sharing: "shared", ...owner },
      ...(hasSecret ? [{ type: "secret", id: "s", target: "/etc/secret", env: undefined, ...owner } as const] : []),
    ],
    secrets: { s: Buffer.from(`canary-${mark}`) },
    onOutput: () => void process.stdout.write("started\n"),
  });
}
