import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { build } from "../../src/index.js";
import { startRegistry } from "../../src/testing/registry/registry.js";
import { ocibuildBin } from "../support/ocibuild.js";
import { peakOf } from "../support/peak-memory.js";
import { tempFolder } from "../support/temp-folder.js";

const LAYERS = 50;
const LAYER_BYTES = 6 * 2 ** 20;
const MAX_PEAK_MIB = 256;

describe.runIf(process.platform === "linux")("an image of fifty layers", () => {
  it("K14: is pulled and pushed in bounded memory", async () => {
    await using registry = await startRegistry();
    const folder = tempFolder();
    const context = join(folder, "context");
    mkdirSync(context);
    const names = Array.from({ length: LAYERS }, (_, at) => `layer${at}`);
    for (const name of names) writeFileSync(join(context, name), randomBytes(LAYER_BYTES));
    const dockerfile = `FROM scratch\n${names.map((name) => `COPY ${name} /\n`).join("")}`;
    const image = `${registry.host}/many:1`;
    await build({ context, dockerfile, tags: [image], push: true, root: join(folder, "first") });

    const run = (...args: string[]) =>
      peakOf(
        spawn(process.execPath, [ocibuildBin(), ...args], { cwd: folder, stdio: "ignore", env: { HOME: folder } }),
      );
    const store = join(folder, "second");
    const pulled = await run("pull", "--root", store, image);
    expect(pulled.code).toBe(0);
    expect(pulled.peakMiB).toBeGreaterThan(0);
    expect(pulled.peakMiB).toBeLessThan(MAX_PEAK_MIB);

    const copy = `${registry.host}/other:1`;
    expect((await run("tag", "--root", store, image, copy)).code).toBe(0);
    const pushed = await run("push", "--root", store, copy);
    expect(pushed.code).toBe(0);
    expect(pushed.peakMiB).toBeLessThan(MAX_PEAK_MIB);
  });
});
