/**
 * `node script.mjs ROOT VARIANT OUT [SECONDS]`: builds a variant of the scene, with its layout in OUT; with SECONDS again and
 * again, this variant and those after it, until the time is over or a line comes on standard input.
 */
import { rmSync, writeSync } from "node:fs";
import { build } from "../../src/index.js";
import { expectedDigest, isRight, optionsOf } from "./scene.js";

const [root, first, out, seconds] = process.argv.slice(2) as [string, string, string, string | undefined];
const VARIANTS = 6;

writeSync(1, "started\n");
if (seconds === undefined) {
  const { digest } = await build({
    ...optionsOf(root, Number(first)),
    outputs: [`type=oci,tar=false,dest=${out}`, "type=image"],
  });
  writeSync(1, `digest ${digest}\n`);
} else {
  const expected: string[] = [];
  for (let variant = 0; variant < VARIANTS; variant++) expected.push(await expectedDigest(out, variant));
  let isOver = false;
  process.stdin.once("data", () => {
    isOver = true;
  });
  writeSync(1, "ready\n");
  const counts = { builds: 0, wrong: 0, lost: 0 };
  for (let at = Number(first); !isOver; at++) {
    const variant = at % VARIANTS;
    const layout = `${out}/layout`;
    try {
      await build({
        ...optionsOf(root, variant),
        outputs: [`type=oci,tar=false,dest=${layout}`],
        onEvent: (event) => {
          if (event.type === "warning") counts.lost++;
        },
      });
      if (!(await isRight(layout, expected[variant]!))) counts.wrong++;
    } catch (error) {
      counts.wrong++;
      process.stderr.write(`build: ${String(error)}\n`);
    }
    counts.builds++;
    rmSync(layout, { recursive: true, force: true });
  }
  process.stdin.destroy();
  writeSync(1, `counts ${JSON.stringify(counts)}\n`);
}
