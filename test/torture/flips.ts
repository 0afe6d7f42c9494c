/** K5: single bits of whatever lies in a store, turned one after the other; the next build is right. */
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "../../src/index.js";
import { expectedDigest, isRight, optionsOf } from "./scene.js";

export async function flips(dir: string, count: number): Promise<{ flips: number; noticed: number; wrong: number }> {
  const root = join(dir, "store");
  const digest = await expectedDigest(dir, 0);
  const out = join(dir, "out");
  let noticed = 0;
  let wrong = 0;
  for (let round = 0; round <= count; round++) {
    if (round > 0) flipOne(root);
    let hasWarned = false;
    try {
      await build({
        ...optionsOf(root, 0),
        outputs: [`type=oci,tar=false,dest=${out}`, "type=image"],
        onEvent: ({ type }) => {
          hasWarned ||= type === "warning";
        },
      });
      if (!(await isRight(out, digest))) wrong++;
    } catch (error) {
      process.stderr.write(`flips: ${String(error)}\n`);
      wrong++;
    }
    if (hasWarned) noticed++;
    rmSync(out, { recursive: true, force: true });
  }
  return { flips: count, noticed, wrong };
}

/** A random bit of a random byte, each byte as likely as any other. */
function flipOne(root: string): void {
  const files = readdirSync(root, { recursive: true, encoding: "utf8" })
    .map((name) => join(root, name))
    .filter((path) => statSync(path).isFile() && statSync(path).size > 0);
  const sizes = files.map((path) => statSync(path).size);
  // Half of the time any file, so that small ones have their turn too.
  let at = Math.floor(Math.random() * files.length);
  if (Math.random() < 0.5) {
    let byte = Math.random() * sizes.reduce((sum, size) => sum + size, 0);
    at = sizes.findIndex((size) => {
      byte -= size;
      return byte < 0;
    });
  }
  const bytes = readFileSync(files[at]!);
  bytes[Math.floor(Math.random() * bytes.length)]! ^= 1 << Math.floor(Math.random() * 8);
  writeFileSync(files[at]!, bytes);
}
