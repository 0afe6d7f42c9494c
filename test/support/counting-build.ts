/**
 * A build in a process of its own, whose commands take a while and write down that they ran.
 *
 * `node script.mjs OPTIONS`: OPTIONS is a JSON file `{ log, commandMs, build }`. Says `digest …` or `code …`, and `ran N`: the
 * number of steps that were made here.
 */
import { appendFileSync, readFileSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { BuildOptions } from "../../src/options.js";

const { build } = await import("../../src/index.js");
const { fakeExecutor } = await import("../../src/testing/fake-executor.js");

interface Options {
  readonly log: string;
  readonly commandMs: number;
  readonly build: BuildOptions;
}
const options = JSON.parse(readFileSync(process.argv[2]!, "utf8")) as Options;

const executor = fakeExecutor(async (spec, _files, { signal }) => {
  const command = spec.args.at(-1)!;
  appendFileSync(options.log, `${command}\n`);
  await sleep(options.commandMs, undefined, { signal });
  return command === "fail" ? { exitCode: 1 } : [{ path: command, content: `${command} ${Math.random()}` }];
});

let ran = 0;
const steps = new Set<string>();
try {
  const { digest } = await build({
    platforms: ["linux/amd64"],
    executor,
    ...options.build,
    onEvent: (event) => {
      if (event.type === "task-started" && event.task.kind === "step") steps.add(event.task.id);
      if (event.type === "task-finished" && event.outcome === "done" && steps.has(event.id)) ran++;
    },
  });
  writeSync(1, `digest ${digest}\n`);
} catch (error) {
  writeSync(1, `code ${(error as { code?: string }).code ?? String(error)}\n`);
}
writeSync(1, `ran ${ran}\n`);
