/** The runc executor against the conformance suite, with each runtime that is installed. */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { createRuncExecutor } from "../../src/executor/runc/runc-executor.js";
import { executorConformance } from "../../src/testing/executor/executor-conformance.js";
import { bundleScript } from "../support/child.js";
import { requireRoot } from "../support/ordinary-user.js";
import { makeOwnFolder, removeOwnFolder } from "../support/own-folder.js";
import { requireTool } from "../support/tools.js";

const TOOLS = ["unshare", "setpriv", "mount", "tar", "busybox"] as const;

describe.each(["crun", "runc"] as const)("the runc executor over %s", (runtime) => {
  describe.runIf(requireTool(...TOOLS, runtime) && requireRoot())("as root", () => {
    let folder: string;
    beforeAll(() => {
      folder = makeOwnFolder(runtime);
    });
    afterAll(() => removeOwnFolder(folder));

    for (const { name, run } of executorConformance(async () =>
      createRuncExecutor({ stateDir: join(folder, "state"), runtime }),
    )) {
      it(name, async () => expect(await run()).toBeUndefined());
    }

    it("leaves nothing but layers and caches", () => {
      expect(readdirSync(join(folder, "state")).sort()).toEqual(["caches", "layers", "tmp"]);
      expect(readdirSync(join(folder, "state", "tmp"))).toEqual([]);
      expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(folder);
    });

    it("K12: a builder that is killed leaves no process and no mount", async () => {
      const script = await bundleScript(join(import.meta.dirname, "../support/runc-script.ts"), folder);
      const mark = String(70_000 + (runtime === "crun" ? 1 : 2) + process.pid / 10_000_000);
      const child = spawn(process.execPath, [script, runtime, join(folder, "killed"), mark], {
        stdio: ["ignore", "pipe", "inherit"],
        cwd: "/",
        env: {},
      });
      onTestFinished(() => void child.kill("SIGKILL"));
      await new Promise((resolve) => child.stdout.once("data", resolve));
      while (processesOf(mark) < 3) await new Promise((next) => setTimeout(next, 10));
      child.kill("SIGKILL");
      const deadline = performance.now() + 1000;
      while (processesOf(mark) > 0 && performance.now() < deadline) await new Promise((next) => setTimeout(next, 10));
      expect(processesOf(mark)).toBe(0);
      expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(folder);
    });
  });
});

/** How many processes of the machine have `word` among their arguments. */
function processesOf(word: string): number {
  return readdirSync("/proc").filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return readFileSync(`/proc/${name}/cmdline`, "latin1").split("\0").includes(word);
    } catch {
      return false;
    }
  }).length;
}
