/** Runs, in a process of its own, a command that does not end, and says when it has started: `<runtime> <stateDir> <mark>`. */
import { createRuncExecutor } from "../../src/executor/runc/runc-executor.js";
import { Lab } from "../../src/testing/executor/lab.js";

const [runtime, stateDir, mark] = process.argv.slice(2) as ["crun" | "runc", string, string];

const executor = createRuncExecutor({ stateDir, runtime });
await new Lab().run(executor, {
  script: `(sleep ${mark} &); (setsid sleep ${mark} &); echo started; sleep ${mark}`,
  user: { uid: 7, gid: 7, additionalGids: [] },
  onOutput: () => void process.stdout.write("started\n"),
});
