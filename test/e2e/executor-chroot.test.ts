/** The chroot executor against the conformance suite: where it could mount, where it may not, and in a container. */
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { createChrootExecutor } from "../../src/executor/chroot/chroot-executor.js";
import type { Executor } from "../../src/executor/contract.js";
import { executorConformance } from "../../src/testing/executor/executor-conformance.js";
import { Lab } from "../../src/testing/executor/lab.js";
import { bundleScript } from "../support/child.js";
import { startDockerd } from "../support/dockerd.js";
import { ocibuildBin } from "../support/ocibuild.js";
import { requireRoot } from "../support/ordinary-user.js";
import { makeOwnFolder, removeOwnFolder } from "../support/own-folder.js";
import { processesWith } from "../support/processes.js";
import { requireTool } from "../support/tools.js";
import { runUnprivileged } from "../support/unprivileged-container.js";

const TOOLS = ["setpriv", "nsenter", "prlimit", "flock", "tar", "mknod", "mount", "busybox"] as const;
const ready = requireTool(...TOOLS) && requireRoot();

type Result = { readonly name: string; readonly skipped?: string; readonly error?: string };

const neverMade = (): Promise<Executor> => Promise.reject(new Error("only names are asked for"));
const NAMES = executorConformance(neverMade).map(({ name }) => name);

/** What takes mounts and namespaces. */
const NOT_HERE = [
  "L3: no descriptor but the three usual ones is open, and no terminal is there",
  "the size of /dev/shm is as asked for",
  "without a network there is the loopback only",
  "the host name is as asked for",
  "a read-only bind mount cannot be written",
  "a tmpfs has the size asked for",
  "U8: no device of the machine opens by a node that the command makes",
  "a read-only cache cannot be written",
];
const ON_DISK = "L1: a secret is a file of the command, and nowhere else";

/** Docker's default set. */
const DOCKER_CAPABILITIES =
  "--bounding-set=-all,+chown,+dac_override,+fsetid,+fowner,+mknod,+net_raw,+setgid,+setuid,+setfcap,+setpcap,+net_bind_service,+sys_chroot,+kill,+audit_write";

function resultsOf(output: string): Map<string, Result> {
  const lines = output.trim().split("\n");
  return new Map(lines.map((line) => JSON.parse(line) as Result).map((result) => [result.name, result]));
}

function namesOf(results: ReadonlyMap<string, Result>, key: "skipped" | "error"): string[] {
  return [...results.values()].filter((result) => result[key] !== undefined).map(({ name }) => name);
}

describe.runIf(ready)("the chroot executor", () => {
  let folder: string;
  let script: string;
  let inMemory: string;

  beforeAll(async () => {
    folder = makeOwnFolder("chroot");
    script = await bundleScript(join(import.meta.dirname, "../support/chroot-script.ts"), folder);
    chmodSync(script, 0o644);
    inMemory = join(folder, "memory");
    mkdirSync(inMemory);
    execFileSync("mount", ["-t", "tmpfs", "-o", "mode=0700", "tmpfs", inMemory]);
  });

  afterAll(() => removeOwnFolder(folder));

  describe("as root of the machine", () => {
    const skipped: string[] = [];
    for (const { name, run } of executorConformance(async () =>
      createChrootExecutor({ stateDir: join(folder, "root") }),
    )) {
      it(name, async () => {
        if ((await run()) !== undefined) skipped.push(name);
      });
    }

    it("X4: lacks what takes mounts and namespaces, and says so", () => {
      expect(skipped.sort()).toEqual([...NOT_HERE, ON_DISK].sort());
    });

    it("leaves nothing but layers and caches", () => {
      expect(readdirSync(join(folder, "root")).sort()).toEqual(["caches", "layers", "tmp"]);
      expect(readdirSync(join(folder, "root", "tmp"))).toEqual([]);
    });
  });

  describe("with Docker's capabilities", () => {
    let results: Map<string, Result>;
    beforeAll(() => {
      const args = [DOCKER_CAPABILITIES, "--inh-caps=-all", "--", process.execPath, script, "suite", inMemory];
      results = resultsOf(execFileSync("setpriv", args, { encoding: "utf8", cwd: "/", env: {} }));
    });
    for (const name of NAMES) it(name, () => expect(results.get(name)?.error).toBeUndefined());

    it("L1: takes secrets as files where its folder is in memory", () => {
      expect(namesOf(results, "skipped").sort()).toEqual([...NOT_HERE].sort());
    });
  });

  it("L3: the command has the three usual descriptors and no other", async () => {
    const mark = String(60_000 + process.pid / 10_000_000);
    const abort = new AbortController();
    const executor = createChrootExecutor({ stateDir: join(folder, "fds") });
    onTestFinished(() => executor[Symbol.asyncDispose]());
    const running = new Lab().run(executor, { args: ["/bin/sleep", mark], signal: abort.signal });
    let pid: number | undefined;
    // Until then the words of the command are those of the programs that become it.
    while (pid === undefined || !readlinkSync(`/proc/${pid}/exe`).endsWith("/root/bin/busybox")) {
      await new Promise((next) => setTimeout(next, 5));
      pid = processesWith(mark)[0];
    }
    const open = readdirSync(`/proc/${pid}/fd`).filter(
      (fd) => Number(fd) < 3 || readlinkSync(`/proc/${pid}/fd/${fd}`) !== "/dev/null",
    );
    expect(open).toEqual(["0", "1", "2"]);
    expect(readFileSync(`/proc/${pid}/environ`, "latin1")).toBe("PATH=/bin:/usr/bin\0");
    abort.abort(new Error("seen"));
    await expect(running).rejects.toThrow("seen");
    expect(processesWith(mark)).toEqual([]);
  });

  describe.each(["disk", "memory"])("K12: killed, with its folder on %s,", (where) => {
    const mark = String(50_000 + (where === "disk" ? 1 : 2) + process.pid / 10_000_000);
    let stateDir: string;

    it("leaves no process", async () => {
      stateDir = join(where === "disk" ? folder : inMemory, "killed");
      const child = spawn(process.execPath, [script, "hang", stateDir, mark], {
        stdio: ["ignore", "pipe", "inherit"],
        cwd: "/",
        env: {},
      });
      onTestFinished(() => void child.kill("SIGKILL"));
      await new Promise((resolve) => child.stdout.once("data", resolve));
      while (processesWith(mark).length < 4) await new Promise((next) => setTimeout(next, 10));
      expect(filesWith(stateDir, `canary-${mark}`).length).toBe(where === "disk" ? 0 : 2);
      child.kill("SIGKILL");
      const deadline = performance.now() + 1000;
      const isOver = (): boolean =>
        processesWith(mark).length === 0 && filesWith(stateDir, `canary-${mark}`).length === 0;
      while (!isOver() && performance.now() < deadline) await new Promise((next) => setTimeout(next, 10));
      expect(processesWith(mark)).toEqual([]);
    });

    it("L1: leaves no secret", () => expect(filesWith(stateDir, `canary-${mark}`)).toEqual([]));

    it("K11: what it left on disk goes with the next start, but not the cache that was in use", async () => {
      expect(readdirSync(join(stateDir, "tmp"))).not.toEqual([]);
      const executor = createChrootExecutor({ stateDir });
      const lab = new Lab();
      const rest = { readOnly: false, sharing: "shared", mode: 0o755, uid: 7, gid: 7 } as const;
      const { stdout } = await lab.run(executor, {
        script: "cat /cache/f",
        mounts: [{ type: "cache", id: "c", seed: lab.files([]), path: "/", target: "/cache", ...rest }],
      });
      await executor[Symbol.asyncDispose]();
      expect(stdout).toBe("kept\n");
      expect(readdirSync(join(stateDir, "tmp"))).toEqual([]);
    });
  });

  it.each([
    ["nodev", "Device nodes like /dev/null cannot be made"],
    ["noexec", "no program can be started"],
  ])("cannot work on a file system that is %s, and says so", async (option, reason) => {
    const stateDir = join(folder, option);
    mkdirSync(stateDir);
    execFileSync("mount", ["-t", "tmpfs", "-o", option, "tmpfs", stateDir]);
    const probe = await createChrootExecutor({ stateDir }).probe();
    expect(probe.usable === false && probe.reason).toContain(reason);
    expect(readdirSync(stateDir)).toEqual([]);
  });

  it("cannot work for root without CAP_SYS_CHROOT, and says so", () => {
    const args = ["--bounding-set=-sys_chroot", "--", process.execPath, script, "suite", join(folder, "rootless")];
    const results = resultsOf(execFileSync("setpriv", args, { encoding: "utf8", cwd: "/", env: {} }));
    expect([...results.values()][0]!.error).toContain("The root folder of a command cannot be changed.");
  });

  describe.runIf(requireTool("dockerd", "docker"))("in a container of Docker without privileges", () => {
    let results: Map<string, Result>;
    let builds: string;

    beforeAll(async () => {
      const context = join(folder, "context");
      mkdirSync(context);
      copyFileSync("/bin/busybox", join(context, "busybox"));
      const run = (command: string): string => `RUN ["/busybox","sh","-c",${JSON.stringify(command)}]`;
      const lines = ["FROM scratch", "COPY busybox /", run("echo made > /made"), run("/busybox cat /made")];
      writeFileSync(join(context, "Dockerfile"), `${lines.join("\n")}\n`);
      const bin = ocibuildBin();
      // With the packages that it loads.
      const build = `node ${bin} --root /store --progress plain ${context} 2>&1`;
      await using dockerd = await startDockerd();
      const words = `node ${script} suite /state; echo ====; ${build}; ${build} --executor chroot; ls -A /store/executors/chroot/tmp`;
      const output = await runUnprivileged(dockerd, words, [folder, dirname(dirname(bin))]);
      const [suite, rest] = output.split("====\n");
      results = resultsOf(suite!);
      builds = rest!;
    });

    for (const name of NAMES) it(name, () => expect(results.get(name)?.error).toBeUndefined());

    it("lacks what it lacks elsewhere", () => {
      expect(namesOf(results, "skipped").sort()).toEqual([...NOT_HERE, ON_DISK].sort());
    });

    it("auto refuses, and names it; asked for, it builds, and says that it is no boundary", () => {
      expect(builds).toContain("cannot be run: no executor works here");
      expect(builds).toContain("or take --executor chroot, which works here");
      expect(builds).toContain('executor "chroot": It is no boundary');
      expect(builds).toMatch(/^.*\bmade$/m);
      expect(builds).toMatch(/sha256:[0-9a-f]{64}\n$/);
    });
  });
});

/** The files below `folder` in which `word` is. */
function filesWith(folder: string, word: string): string[] {
  try {
    return execFileSync("grep", ["-rlsF", "--devices=skip", word, folder], { encoding: "utf8" }).trim().split("\n");
  } catch {
    // None, or one that went away meanwhile.
    return [];
  }
}
