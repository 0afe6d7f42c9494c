/** Runs TypeScript modules of this repository in processes of their own: bundled once, then started with node. */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { rolldown } from "rolldown";

/**
 * Bundles the module `entry` (a path) into one file in the folder `dir`; returns that file's path. In it, `import.meta.url`
 * is the entry's own place.
 */
export async function bundleScript(entry: string, dir: string): Promise<string> {
  const file = join(dir, "script.mjs");
  const bundle = await rolldown({
    input: entry,
    platform: "node",
    resolve: { extensionAlias: { ".js": [".ts", ".js"] } },
    transform: { target: "node20", define: { "import.meta.url": JSON.stringify(pathToFileURL(entry).href) } },
    logLevel: "silent",
  });
  await bundle.write({ file, format: "esm", codeSplitting: false });
  await bundle.close();
  return file;
}

export interface ChildResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts `node script ...args` and waits for its end. */
export function runScript(script: string, args: readonly string[]): Promise<ChildResult> {
  const child: ChildProcess = spawn(process.execPath, [script, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

export interface KilledRun {
  readonly output: string;
  readonly isKilled: boolean;
  /** From when the script began to work: its first word. */
  readonly tookMs: number;
}

/** Runs `node script ...args`; kills it with SIGKILL after so many milliseconds, counted from its first word. */
export function runAndKill(script: string, args: readonly string[], killAfterMs?: number): Promise<KilledRun> {
  const child = spawn(process.execPath, [script, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  return new Promise((resolve, reject) => {
    let output = "";
    let startedMs = 0;
    let timer: NodeJS.Timeout | undefined;
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      if (output === "") {
        startedMs = performance.now();
        if (killAfterMs !== undefined) timer = setTimeout(() => child.kill("SIGKILL"), killAfterMs);
      }
      output += text;
    });
    child.on("error", reject);
    child.on("close", (_code, signal) => {
      clearTimeout(timer);
      resolve({ output, isKilled: signal === "SIGKILL", tookMs: performance.now() - startedMs });
    });
  });
}
