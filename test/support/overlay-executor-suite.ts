/** The conformance suite for an executor over overlays: as root, as an ordinary user, and with no ids but its own. */
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { Executor } from "../../src/executor/contract.js";
import { executorConformance } from "../../src/testing/executor/executor-conformance.js";
import { bundleScript } from "./child.js";
import { makeOrdinaryUser, type OrdinaryUser, requireOrdinaryUser, requireRoot } from "./ordinary-user.js";
import { type OverlayExecutorName, overlayExecutor } from "./overlay-executors.js";
import { makeOwnFolder, removeOwnFolder } from "./own-folder.js";
import { processesWith } from "./processes.js";
import { requireFound, requireTool } from "./tools.js";

const TOOLS = ["unshare", "setpriv", "nsenter", "mount", "flock", "prlimit", "newuidmap", "tar", "busybox"] as const;

/** A user that no list of the machine knows, so without subordinate ids. */
const UNLISTED = 61_234;

type Result = { readonly name: string; readonly skipped?: string; readonly error?: string };

/** Since util-linux 2.38. */
function canMapAll(): boolean {
  const help = execFileSync("unshare", ["--help"], { encoding: "utf8" });
  return requireFound(help.includes("--map-auto") ? [] : ["unshare with --map-auto"]);
}

const neverMade = (): Promise<Executor> => Promise.reject(new Error("only names are asked for"));
const NAMES = executorConformance(neverMade).map(({ name }) => name);

/** `tools` are the programs that it needs beside those that all of them need. */
export function describeOverlayExecutor(executor: OverlayExecutorName, ...tools: readonly string[]): void {
  const ready = requireTool(...TOOLS, ...tools) && requireRoot() && requireOrdinaryUser();
  describe.runIf(ready)(`the executor ${executor}`, () => {
    let folder: string;
    let script: string;
    let user: OrdinaryUser;

    beforeAll(async () => {
      folder = makeOwnFolder(executor);
      script = await bundleScript(join(import.meta.dirname, "executor-script.ts"), folder);
      chmodSync(script, 0o644);
      user = makeOrdinaryUser();
    });

    afterAll(async () => {
      await user?.[Symbol.asyncDispose]();
      removeOwnFolder(folder);
    });

    const unlisted = (): readonly string[] => [`--reuid=${UNLISTED}`, `--regid=${UNLISTED}`, "--clear-groups"];
    const ownFolder = (name: string, uid: number): string => {
      const path = join(folder, name);
      mkdirSync(path, { mode: 0o700 });
      chownSync(path, uid, uid);
      return path;
    };
    const suiteAs = (prefix: readonly string[], stateDir: string): Map<string, Result> => {
      const [program, ...args] = [...prefix, process.execPath, script, "suite", executor, stateDir];
      const out = execFileSync(program!, args, { encoding: "utf8", cwd: "/", env: {} });
      const results = out
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Result);
      return new Map(results.map((result) => [result.name, result]));
    };

    const asRoot = (): void => {
      for (const { name, run } of executorConformance(async () => overlayExecutor(executor, join(folder, "root")))) {
        it(name, async () => expect(await run()).toBeUndefined());
      }

      it("leaves nothing but layers, caches and what was tried", () => {
        const kept = readdirSync(join(folder, "root")).filter((name) => name !== "trials");
        expect(kept.sort()).toEqual(["caches", "devices", "layers", "tmp"]);
        expect(readdirSync(join(folder, "root", "tmp"))).toEqual([]);
        expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(folder);
      });
    };

    const refusesRoot = async (): Promise<void> => {
      const refused = overlayExecutor(executor, join(folder, "root"));
      expect(await refused.probe()).toMatchObject({ usable: false, reason: expect.stringContaining("nodev") });
    };

    if (executor === "crun") it("U8: refuses root, whose device nodes it would let open", refusesRoot);
    else describe("as root", asRoot);

    describe("as an ordinary user with subordinate ids", () => {
      let results: Map<string, Result>;
      beforeAll(() => {
        results = suiteAs(user.command([]), user.folder("state"));
      });
      for (const name of NAMES) it(name, () => expect(results.get(name)).toEqual({ name }));
    });

    describe("as an ordinary user without subordinate ids", () => {
      let results: Map<string, Result>;
      beforeAll(() => {
        results = suiteAs(["setpriv", ...unlisted(), "--"], ownFolder("unlisted", UNLISTED));
      });
      for (const name of NAMES) {
        it(name, () => {
          const result = results.get(name);
          expect(result?.error).toBeUndefined();
          expect(result?.name).toBe(name);
        });
      }

      it("X4: says that only root exists, rather than run as somebody else", () => {
        const skipped = [...results.values()].filter((result) => result.skipped !== undefined);
        expect(skipped.map(({ name }) => name)).toContain("user, group and further groups are the ones given");
      });
    });

    // As in a rootless container: root, but not the machine's.
    describe.runIf(ready && canMapAll())("as root of a user namespace", () => {
      let results: Map<string, Result>;
      beforeAll(() => {
        const unshare = ["unshare", "--user", "--map-root-user", "--map-auto", "--"];
        results = suiteAs(user.command(unshare), user.folder("mapped"));
      });
      for (const name of NAMES) it(name, () => expect(results.get(name)).toEqual({ name }));
    });

    describe("as root of a user namespace with one id", () => {
      let results: Map<string, Result>;
      beforeAll(() => {
        const unshare = ["unshare", "--user", "--map-root-user", "--"];
        results = suiteAs(user.command(unshare), user.folder("alone"));
      });
      for (const name of NAMES) {
        it(name, () => {
          const result = results.get(name);
          expect(result?.error).toBeUndefined();
          expect(result?.name).toBe(name);
        });
      }
    });

    const users = ["ordinary user", "unlisted user", ...(executor === "crun" ? [] : (["root"] as const))] as const;
    it.each(users)("K12: a builder that is killed leaves no process and no mount (%s)", async (who) => {
      const mark = String(80_000 + Math.floor(Math.random() * 1e9));
      const stateDir =
        who === "ordinary user" ? user.folder("killed") : ownFolder(`killed-${who}`, who === "root" ? 0 : UNLISTED);
      const prefix = {
        root: [],
        "ordinary user": user.command([]),
        "unlisted user": ["setpriv", ...unlisted(), "--"],
      };
      const [program, ...args] = [...prefix[who], process.execPath, script, "hang", executor, stateDir, mark];
      const child = spawn(program!, args, { stdio: ["ignore", "pipe", "inherit"], cwd: "/", env: {} });
      onTestFinished(() => void child.kill("SIGKILL"));
      await new Promise((resolve) => child.stdout.once("data", resolve));
      while (processesWith(mark).length < 3) await new Promise((next) => setTimeout(next, 10));
      child.kill("SIGKILL");
      const deadline = performance.now() + 1000;
      while (processesWith(mark).length > 0 && performance.now() < deadline)
        await new Promise((next) => setTimeout(next, 10));
      expect(processesWith(mark).length).toBe(0);
      expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(stateDir);
    });

    const startsAnew = async (): Promise<void> => {
      const stateDir = join(folder, "killed-root");
      expect(readdirSync(join(stateDir, "tmp"))).not.toEqual([]);
      const [first] = executorConformance(async () => overlayExecutor(executor, stateDir));
      await first!.run();
      expect(readdirSync(join(stateDir, "tmp"))).toEqual([]);
    };
    if (executor !== "crun") it("K11: what a killed builder left on disk goes with the next start", startsAnew);
  });
}
