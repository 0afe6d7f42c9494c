/** Commands that take what they can get: they end with the build, and the next build is right. */
import { execFileSync, spawn } from "node:child_process";
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BuildOptions, build, dir } from "../../src/index.js";
import { ocibuildBin } from "../support/ocibuild.js";
import { requireRoot } from "../support/ordinary-user.js";
import { makeOwnFolder, removeOwnFolder } from "../support/own-folder.js";
import { peakOf } from "../support/peak-memory.js";
import { processesWith } from "../support/processes.js";
import { requireTool } from "../support/tools.js";

const BUSYBOX = "/bin/busybox";
const APPLETS = ["sh", "sleep", "yes", "head", "dd", "id", "true"] as const;
const ready = process.platform === "linux" && requireTool("busybox", "mount", "umount") && requireRoot();

describe.runIf(ready)("X5: a command that takes what it can get", () => {
  let folder: string;
  let context: string;
  let fullStore: string;

  beforeAll(() => {
    folder = makeOwnFolder("abuse");
    context = join(folder, "context");
    mkdirSync(join(context, "bin"), { recursive: true });
    copyFileSync(BUSYBOX, join(context, "bin", "busybox"));
    for (const name of APPLETS) symlinkSync("busybox", join(context, "bin", name));
    fullStore = join(folder, "full");
    mkdirSync(fullStore);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=48m", "tmpfs", fullStore]);
  });
  afterAll(() => {
    execFileSync("umount", [fullStore]);
    removeOwnFolder(folder);
  });

  const run = (command: string, more: Partial<BuildOptions> = {}) =>
    build({
      context: dir(context),
      dockerfile: `FROM scratch\nCOPY bin /bin\nENV PATH=/bin\nUSER 4321:4321\n${command}\n`,
      outputs: [],
      root: join(folder, "store"),
      executor: "namespaces",
      ...more,
    });

  it("a fork bomb stays below its limit and is gone when the build is", async () => {
    const mark = String(40_000 + process.pid / 10_000_000);
    const bomb = `RUN while :; do sleep ${mark} & done 2>/dev/null`;
    await expect(run(bomb, { ulimits: ["nproc=64"], signal: AbortSignal.timeout(3000) })).rejects.toThrow();
    expect(processesWith(mark)).toEqual([]);
    await expect(run("RUN id")).resolves.toMatchObject({ digest: expect.any(String) });
  });

  it("endless output is passed on until the build is ended", async () => {
    let bytes = 0;
    const controller = new AbortController();
    const onEvent: NonNullable<BuildOptions["onEvent"]> = (event) => {
      if (event.type !== "task-output") return;
      bytes += event.chunk.length;
      if (bytes > 16 << 20) controller.abort(new Error("enough"));
    };
    await expect(run("RUN yes", { onEvent, signal: controller.signal })).rejects.toThrow("enough");
    expect(bytes).toBeGreaterThan(16 << 20);
    await expect(run("RUN true")).resolves.toMatchObject({ digest: expect.any(String) });
  });

  it.each(["plain", "rawjson"])("L7: waits while nobody reads its --progress %s", async (progress) => {
    const store = join(folder, `flood-${progress}`);
    const command = `RUN yes ${"a line like others, ".repeat(5)} | head -c 200000000`;
    writeFileSync(join(context, "Dockerfile"), `FROM scratch\nCOPY bin /bin\nENV PATH=/bin\n${command}\n`);
    const args = ["--root", store, "--executor", "namespaces", "--progress", progress, "-o", "type=cacheonly", context];
    const child = spawn(process.execPath, [ocibuildBin(), ...args], { stdio: ["ignore", "ignore", "pipe"] });
    const ended = peakOf(child);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    child.stderr.resume();
    const { code, peakMiB } = await ended;
    expect(code).toBe(0);
    expect(peakMiB).toBeGreaterThan(0);
    expect(peakMiB).toBeLessThan(250);
  });

  it("a full disk fails the command, and what was written is given back", async () => {
    const fill = "USER 0:0\nRUN dd if=/dev/zero of=/big bs=1048576 count=200";
    await expect(run(fill, { root: fullStore })).rejects.toThrow(/exit code: 1/);
    const small = "USER 0:0\nRUN dd if=/dev/zero of=/big bs=1048576 count=4";
    const again = await run(small, { root: fullStore });
    expect(again.digest).toBe((await run(small, { root: fullStore })).digest);
  });
});
