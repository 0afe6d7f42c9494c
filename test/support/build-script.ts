/**
 * A build in a process of its own, for tests that kill it or measure it.
 *
 * `node script.mjs OPTIONS`: builds with the options in the JSON file OPTIONS, says `digest …` when it is done, or `code …`
 * when it fails, and then `rss KIB`: the most memory that the process had. A line `started` comes before the first work.
 */
import { readFileSync, writeSync } from "node:fs";
import type { BuildOptions } from "../../src/options.js";

const { build } = await import("../../src/index.js");
const options = JSON.parse(readFileSync(process.argv[2]!, "utf8")) as BuildOptions;
writeSync(1, "started\n");
try {
  const { digest } = await build(options);
  writeSync(1, `digest ${digest}\n`);
} catch (error) {
  writeSync(1, `code ${(error as { code?: string }).code ?? String(error)}\n`);
}
writeSync(1, `rss ${peakKib()}\n`);

/** Not `resourceUsage().maxRSS`: on Linux that begins with what the parent had when it forked. */
function peakKib(): number {
  try {
    return Number(/^VmHWM:\s*(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]);
  } catch {
    return process.resourceUsage().maxRSS;
  }
}
