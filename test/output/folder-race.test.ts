import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { describe, expect, it, onTestFinished } from "vitest";
import { FolderWriter } from "../../src/output/folder-writer.js";
import { layerEntry } from "../support/images.js";
import { tempFolder } from "../support/temp-folder.js";

const OPERATIONS = 100_000;

/** Swaps `folder`/d for a link to `outside` and back, until it has done so often enough. */
const ATTACKER = `
  const { renameSync, rmSync, symlinkSync, unlinkSync } = require("node:fs");
  const { workerData, parentPort } = require("node:worker_threads");
  const { folder, outside, operations } = workerData;
  let count = 0;
  const attempt = (action) => { count++; try { action(); return true; } catch { return false; } };
  while (count < operations) {
    attempt(() => renameSync(folder + "/d", folder + "/away"));
    attempt(() => symlinkSync(outside, folder + "/d"));
    attempt(() => unlinkSync(folder + "/d"));
    // The writer may have made a folder of that name meanwhile.
    if (!attempt(() => renameSync(folder + "/away", folder + "/d"))) rmSync(folder + "/away", { recursive: true, force: true });
  }
  parentPort.postMessage("done");
`;

/** Calls `write` with a new name as long as the attacker works; returns how many files came out outside. */
async function underAttack(write: (folder: string, name: string) => void): Promise<number> {
  const folder = tempFolder();
  const outside = tempFolder();
  mkdirSync(join(folder, "d"));
  const worker = new Worker(ATTACKER, { eval: true, workerData: { folder, outside, operations: OPERATIONS } });
  onTestFinished(async () => void (await worker.terminate()));
  let isOver = false;
  worker.once("message", () => {
    isOver = true;
  });
  const ended = new Promise((resolve) => worker.once("exit", resolve));
  for (let index = 0; !isOver; index++) {
    try {
      write(folder, `f${index}`);
    } catch {
      // The attacker may make us fail.
    }
    if (index % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await ended;
  return readdirSync(outside).length;
}

describe.runIf(existsSync("/proc/self/fd"))("a folder that somebody else renames meanwhile", () => {
  it("U4: nothing is written through a link that is put in the way", async () => {
    const escaped = await underAttack((folder, name) => {
      using writer = new FolderWriter(folder);
      writer.write(layerEntry({ path: "d", type: "dir", mode: 0o755 }));
      for (const part of ["a", "b", "c"]) writer.write(layerEntry({ path: `d/${name}${part}`, content: "x" }));
      writer.finish();
    });
    expect(escaped).toBe(0);
  }, 180_000);

  it("U4: the attack reaches a writer that looks first and writes then", async () => {
    const escaped = await underAttack((folder, name) => {
      if (!existsSync(join(folder, "d"))) mkdirSync(join(folder, "d"));
      writeFileSync(join(folder, "d", name), "x");
    });
    expect(escaped).toBeGreaterThan(0);
  }, 180_000);

  it("folders deeper than the handles that are kept open are written all the same", () => {
    const folder = tempFolder();
    const names = Array.from({ length: 150 }, (_, level) => `l${level}`);
    using writer = new FolderWriter(folder);
    for (const depth of [150, 100, 10, 149, 64, 63, 65, 1]) {
      const path = [...names.slice(0, depth), `f${depth}`].join("/");
      writer.write(layerEntry({ path, content: String(depth) }));
    }
    writer.write(layerEntry({ path: "hard", type: "hardlink", linkname: [...names, "f150"].join("/") }));
    writer.finish();
    expect(existsSync(join(folder, ...names, "f150"))).toBe(true);
    expect(existsSync(join(folder, ...names.slice(0, 64), "f64"))).toBe(true);
    expect(existsSync(join(folder, "hard"))).toBe(true);
  });

  it("U4: a folder that has become a link is an error, not a way out", () => {
    const folder = tempFolder();
    const outside = tempFolder();
    using writer = new FolderWriter(folder);
    writer.write(layerEntry({ path: "d/e/f", content: "x" }));
    writer.write(layerEntry({ path: "other", content: "x" }));
    const swapped = join(folder, "d");
    symlinkSync(outside, `${swapped}.link`);
    writer.write(layerEntry({ path: "d.link/f", content: "inside" }));
    expect(readdirSync(outside)).toEqual([]);
  });
});
