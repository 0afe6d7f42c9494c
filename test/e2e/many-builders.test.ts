/** Builders on one store, each a process: they do a step once, and what becomes of one of them is no matter to the others (K6, K7). */
import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { bundleScript, runScript } from "../support/child.js";
import { tempFolder } from "../support/temp-folder.js";

const BUILDERS = 8;

interface Scene {
  readonly dir: string;
  readonly script: string;
  readonly root: string;
  /** Lines of the commands that ran. */
  commands(): string[];
  options(name: string, more?: object): string;
}

async function scene(dockerfile: string): Promise<Scene> {
  const dir = tempFolder();
  const script = await bundleScript("test/support/counting-build.ts", dir);
  const context = join(dir, "context");
  mkdirSync(context);
  writeFileSync(join(context, "Dockerfile"), dockerfile);
  writeFileSync(join(context, "big"), Buffer.alloc(20_000_000, "big"));
  const log = join(dir, "log");
  appendFileSync(log, "");
  const root = join(dir, "store");
  return {
    dir,
    script,
    root,
    commands: () => readFileSync(log, "utf8").split("\n").slice(0, -1),
    options(name, more = {}) {
      const file = join(dir, `${name}.json`);
      writeFileSync(file, JSON.stringify({ log, commandMs: 500, build: { context, root, ...more } }));
      return file;
    },
  };
}

describe("K6: eight builders on one store", () => {
  test("do the same step once, and all have the same image", async () => {
    const { script, root, commands, options } = await scene(
      "FROM scratch\nCOPY big /big\nRUN one\nRUN two\nWORKDIR /w\n",
    );
    const file = options("options");
    const results = await Promise.all(Array.from({ length: BUILDERS }, () => runScript(script, [file])));
    expect(results.map(({ stderr }) => stderr)).toEqual(Array(BUILDERS).fill(""));
    expect(new Set(results.map(({ stdout }) => /digest (.*)/.exec(stdout)?.[1])).size).toBe(1);
    expect(commands()).toEqual(["one", "two"]);
    const ran = results.map(({ stdout }) => Number(/ran (.*)/.exec(stdout)?.[1]));
    expect(ran.reduce((sum, count) => sum + count, 0)).toBe(4);
    expect(readdirSync(join(root, "locks", "steps"))).toEqual([]);
    expect(readdirSync(join(root, "leases"))).toEqual([]);
  });

  test("go on when the one that all wait for is killed", async () => {
    const { script, root, commands, options } = await scene("FROM scratch\nRUN one\n");
    const first: ChildProcess = spawn(process.execPath, [script, options("slow", {})], { stdio: "ignore" });
    while (commands().length === 0) await sleep(10);
    const file = options("options");
    const others = Array.from({ length: BUILDERS }, () => runScript(script, [file]));
    await sleep(100);
    first.kill("SIGKILL");
    const results = await Promise.all(others);
    expect(new Set(results.map(({ stdout }) => /digest (.*)/.exec(stdout)?.[1])).size).toBe(1);
    expect(commands()).toEqual(["one", "one"]);
    expect(existsSync(join(root, "locks", "steps")) ? readdirSync(join(root, "locks", "steps")) : []).toEqual([]);
  });

  test("go on one after the other when the command fails", async () => {
    const { script, commands, options } = await scene("FROM scratch\nRUN fail\n");
    const file = options("options");
    const results = await Promise.all(Array.from({ length: 3 }, () => runScript(script, [file])));
    expect(results.map(({ stdout }) => /code (.*)/.exec(stdout)?.[1])).toEqual(Array(3).fill("RUN_FAILED"));
    expect(commands()).toEqual(["fail", "fail", "fail"]);
  });
});
