/** L7: a command that prints gigabytes. What it prints goes by, and nobody keeps it in memory. */
import { spawn } from "node:child_process";
import { copyFileSync, createWriteStream, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { describe, expect, it } from "vitest";
import { ocibuildBin } from "../support/ocibuild.js";
import { peakOf } from "../support/peak-memory.js";
import { tempFolder } from "../support/temp-folder.js";
import { requireTool } from "../support/tools.js";

const MAX_PEAK_MIB = 300;

describe.runIf(process.platform === "linux" && requireTool("busybox"))("L7: a command that prints without end", () => {
  it.each([
    [10, "quiet"],
    [2, "rawjson"],
    [2, "plain"],
  ] as const)("takes no memory for %d GiB with --progress %s", async (gibibytes, progress) => {
    const folder = tempFolder();
    mkdirSync(join(folder, "bin"));
    copyFileSync("/bin/busybox", join(folder, "bin", "busybox"));
    for (const name of ["sh", "yes", "head"]) symlinkSync("busybox", join(folder, "bin", name));
    const line = "a line that is as long as the lines of compilers and package managers usually are";
    writeFileSync(
      join(folder, "Dockerfile"),
      `FROM scratch\nCOPY bin /bin\nENV PATH=/bin\nRUN yes "${line}" | head -c ${gibibytes * 2 ** 30}\n`,
    );
    const store = join(folder, "store");
    const args = [ocibuildBin(), "--root", store, "--progress", progress, "-o", "type=cacheonly", folder];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"], cwd: folder });
    const ended = peakOf(child);
    // Whoever reads takes his time.
    await new Promise((resolve) => setTimeout(resolve, 5000));
    await pipeline(child.stderr, createWriteStream("/dev/null"));
    const { code, peakMiB } = await ended;
    expect(code).toBe(0);
    expect(peakMiB).toBeGreaterThan(0);
    expect(peakMiB).toBeLessThan(MAX_PEAK_MIB);
  });
});
