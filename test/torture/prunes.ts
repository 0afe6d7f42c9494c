/** K7: builders on one store, while everything that can be made again is removed from it over and over. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openStore } from "../../src/cache/store.js";
import { bundleScript } from "../support/child.js";

const BUILDERS = 8;

interface Counts {
  readonly builds: number;
  readonly wrong: number;
  readonly lost: number;
}

export async function prunes(
  dir: string,
  count: number,
): Promise<{ prunes: number; "things removed": number; builds: number; "losses healed": number; wrong: number }> {
  mkdirSync(join(dir, "script"));
  const script = await bundleScript("test/torture/build-variant.ts", join(dir, "script"));
  const root = join(dir, "store");
  const builders = Array.from({ length: BUILDERS }, (_, at) => startBuilder(script, root, at, join(dir, `out-${at}`)));
  await Promise.all(builders.map(({ ready }) => ready));
  let removed = 0;
  for (let round = 0; round < count; round++) {
    const store = await openStore(root);
    removed += store.prune().removed.length;
    store.close();
    await sleep(Math.random() * 200);
  }
  for (const { child } of builders) child.stdin?.write("over\n");
  const all = await Promise.all(builders.map(({ counts }) => counts));
  const sum = (of: (counts: Counts) => number): number => all.reduce((total, counts) => total + of(counts), 0);
  return {
    prunes: count,
    "things removed": removed,
    builds: sum(({ builds }) => builds),
    "losses healed": sum(({ lost }) => lost),
    wrong: sum(({ wrong }) => wrong),
  };
}

function startBuilder(
  script: string,
  root: string,
  at: number,
  out: string,
): { readonly child: ChildProcess; readonly ready: Promise<void>; readonly counts: Promise<Counts> } {
  mkdirSync(out);
  const child = spawn(process.execPath, [script, root, String(at), out, "on"], { stdio: ["pipe", "pipe", "inherit"] });
  let output = "";
  const ready = new Promise<void>((resolve, reject) => {
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (output.includes("ready\n")) resolve();
    });
    child.once("error", reject);
    child.once("close", () => reject(new Error(`builder ${at} ended: ${output}`)));
  });
  const counts = new Promise<Counts>((resolve, reject) => {
    child.once("close", () => {
      const line = /counts (.*)/.exec(output)?.[1];
      if (line === undefined) reject(new Error(`builder ${at} said nothing: ${output}`));
      else resolve(JSON.parse(line) as Counts);
    });
  });
  return { child, ready, counts };
}
