/** K1: builders killed with SIGKILL at random instants, three at a time on one store; the next build is right. */
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { bundleScript, runAndKill } from "../support/child.js";
import { expectedDigest, isRight } from "./scene.js";

const AT_ONCE = 3;

export async function kills(
  dir: string,
  count: number,
): Promise<{ kills: number; "builds after them": number; left: number; wrong: number }> {
  mkdirSync(join(dir, "script"));
  const script = await bundleScript("test/torture/build-variant.ts", join(dir, "script"));
  const digest = await expectedDigest(dir, 0);
  const whole = await runAndKill(script, [join(dir, "first"), "0", join(dir, "first-out")]);
  let killed = 0;
  let after = 0;
  let wrong = 0;
  let left = 0;
  for (let round = 0; killed < count; round++) {
    // A new store now and then: to fill one is as dangerous as to use it.
    const root = join(dir, `store-${Math.floor(round / 8)}`);
    const out = join(dir, "out");
    const ended = await Promise.all(
      Array.from({ length: AT_ONCE }, (_, at) =>
        runAndKill(script, [root, String(at), `${out}-${at}`], Math.random() * whole.tookMs),
      ),
    );
    killed += ended.filter(({ isKilled }) => isKilled).length;
    const next = await runAndKill(script, [root, "0", out]);
    after++;
    const isGood = next.output.includes(`digest ${digest}`) && (await isRight(out, digest));
    if (!isGood) {
      wrong++;
      process.stderr.write(`kills: ${next.output}\n`);
    }
    left += ["tmp", "leases"].reduce((sum, name) => sum + namesIn(join(root, name)).length, 0);
    for (const folder of [out, ...ended.map((_, at) => `${out}-${at}`)])
      rmSync(folder, { recursive: true, force: true });
  }
  return { kills: killed, "builds after them": after, left, wrong };
}

function namesIn(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}
