/** Builds that are killed with SIGKILL at random instants: what they leave is never wrong and never in the way (K1). */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openLayout } from "../../src/cache/oci-layout.js";
import { openStore } from "../../src/cache/store.js";
import { type DiffId, digestOf } from "../../src/oci/digest.js";
import { validateImage } from "../../src/testing/validate-image.js";
import { collect } from "../support/blobs.js";
import { bundleScript, type KilledRun, runAndKill } from "../support/child.js";
import { bytesFor } from "../support/registry.js";
import { LONG_TIMEOUT_MS, runs } from "../support/runs.js";
import { tempFolder } from "../support/temp-folder.js";
import { writeFiles } from "../support/write-files.js";
import { DOCKERFILE } from "../torture/scene.js";

describe("K1: a build that is killed", () => {
  test(
    "at any instant leaves a store that verifies, and the next build gives the same image",
    async () => {
      const dir = tempFolder();
      const script = await bundleScript("test/support/build-script.ts", dir);
      const context = join(dir, "context");
      writeFiles(context, {
        Dockerfile: DOCKERFILE,
        big: bytesFor("big", 6_000_000),
        small: "small",
        ...Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`many/${at}`, `file ${at}`])),
      });
      const run = (root: string, out: string, killAfterMs?: number): Promise<KilledRun> => {
        const file = join(dir, "options.json");
        const outputs = [`type=oci,tar=false,dest=${out}`, "type=image"];
        const options = { context, root, outputs, tags: ["killed:1"], platforms: ["linux/amd64"], reproducible: true };
        writeFileSync(file, JSON.stringify(options));
        return runAndKill(script, [file], killAfterMs);
      };

      const whole = await run(join(dir, "whole"), join(dir, "whole-out"));
      const digest = /digest (.*)/.exec(whole.output)?.[1];
      expect(digest).toMatch(/^sha256:/);

      let killed = 0;
      // The machine is busier at one time than at another: the quickest build tells how long one takes.
      let shortestMs = whole.tookMs;
      let root = join(dir, "store-0");
      for (let round = 0; round < runs(60); round++) {
        // A new store now and then; else the next build begins with what the killed one left.
        if (round % 4 === 0) root = join(dir, `store-${round}`);
        const ended = await run(root, join(dir, `out-${round}`), Math.random() * shortestMs);
        if (ended.isKilled) killed++;
        else shortestMs = Math.min(shortestMs, ended.tookMs);
        await expectSound(root);
        if (existsSync(join(dir, `out-${round}`, "index.json"))) await expectImage(join(dir, `out-${round}`));
        if (round % 4 !== 3) continue;
        const next = await run(root, join(dir, `next-${round}`));
        expect(next.output).toContain(`digest ${digest}`);
        await expectImage(join(dir, `next-${round}`));
        expect(readdirSync(join(root, "tmp"))).toEqual([]);
      }
      expect(killed).toBeGreaterThan(runs(60) / 4);

      async function expectImage(layout: string): Promise<void> {
        const { blobs, find } = await openLayout(layout);
        const descriptor = find(undefined);
        expect(descriptor.digest).toBe(digest);
        await validateImage(blobs, descriptor);
      }
    },
    LONG_TIMEOUT_MS * 3,
  );

  /** Everything visible in the store is whole, and a tag means a whole image. */
  async function expectSound(root: string): Promise<void> {
    if (!existsSync(root)) return;
    const warnings: string[] = [];
    const store = await openStore(root, { onWarning: (message) => warnings.push(message) });
    const blobs = join(root, "images", "blobs", "sha256");
    for (const name of existsSync(blobs) ? readdirSync(blobs) : []) {
      expect(digestOf(readFileSync(join(blobs, name)))).toBe(`sha256:${name}`);
    }
    const layers = join(root, "layers", "v1");
    for (const name of existsSync(layers) ? readdirSync(layers) : []) {
      if (!name.endsWith(".tar")) continue;
      const diffId = `sha256:${name.slice(0, -4)}` as DiffId;
      if (store.layers.hasTar(diffId)) await collect(store.layers.readTar(diffId));
    }
    for (const { descriptor } of await store.images.list()) await validateImage(store.blobs, descriptor);
    expect(warnings).toEqual([]);
  }
});
