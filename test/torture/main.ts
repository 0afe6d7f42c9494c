/**
 * The long tests of the store, which print what they did: `npm run torture -- kills 1000`, `flips 1000`, `prunes 500`.
 * Without words all three, each a little. Ends with 1 when an image was wrong, or a build failed that may not.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { flips } from "./flips.js";
import { kills } from "./kills.js";
import { prunes } from "./prunes.js";

const TESTS = { kills, flips, prunes };
const SHORT: Readonly<Record<keyof typeof TESTS, number>> = { kills: 40, flips: 40, prunes: 20 };

const [name, count] = process.argv.slice(2);
const chosen = Object.keys(TESTS).filter((test) => name === undefined || test === name) as (keyof typeof TESTS)[];
if (chosen.length === 0) throw new Error(`expected kills, flips or prunes but got "${name}"`);

let wrong = 0;
for (const test of chosen) {
  const dir = mkdtempSync(join(tmpdir(), `ocibuild-torture-${test}-`));
  const startedMs = performance.now();
  try {
    const counts = await TESTS[test](dir, count === undefined ? SHORT[test] : Number(count));
    wrong += counts.wrong;
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
    const words = Object.entries(counts).map(([what, number]) => `${number} ${what}`);
    process.stdout.write(`${test}: ${words.join(", ")} (${seconds} s)\n`);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
process.exitCode = wrong === 0 ? 0 : 1;
