/** How git is run, with a program of our own in its place. */
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { gitFailure, isRedirect } from "../../../src/context/git/git-failure.js";
import { parseRemote } from "../../../src/context/git/git-remote.js";
import { type GitProgram, type GitRun, gitEnvironment, runGit } from "../../../src/context/git/run-git.js";
import { tempFolder } from "../../support/temp-folder.js";

/** A program that runs `script` in Node. */
function program(script: string, surroundings: Readonly<Record<string, string>> = {}): GitProgram {
  const path = join(tempFolder(), "git");
  writeFileSync(path, `#!${process.execPath}\n${script}`);
  chmodSync(path, 0o755);
  return { path, environment: gitEnvironment(surroundings, "/usr/bin:/bin") };
}

const run = (options: Partial<GitRun> = {}): GitRun => ({ cwd: tempFolder(), ...options });

test("C12: git sees no variable but those it is meant to, and no setting of this machine", async () => {
  const surroundings = {
    HTTPS_PROXY: "http://p",
    GIT_DIR: "/evil",
    GIT_SSH: "evil",
    LD_PRELOAD: "evil",
    HOME: "/root",
  };
  const { stdout } = await runGit(program("console.log(JSON.stringify(process.env))", surroundings), [], run());
  const { GIT_CEILING_DIRECTORIES, ...seen } = JSON.parse(String(stdout));
  expect(GIT_CEILING_DIRECTORIES).toBeDefined();
  expect(seen).toEqual({
    PATH: "/usr/bin:/bin",
    HOME: "/dev/null",
    LC_ALL: "C",
    HTTPS_PROXY: "http://p",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_ATTR_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    GCM_INTERACTIVE: "never",
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_SSH_VARIANT: "ssh",
    GIT_ALLOW_PROTOCOL: "none",
    GIT_SSH_COMMAND: "false",
  });
});

test("C12: secrets are not among the arguments, and hooks, helpers and redirects are off whatever is asked for", async () => {
  const script = "console.log(JSON.stringify([process.argv.slice(2), process.env.GIT_CONFIG_VALUE_0]))";
  const options = run({
    secretConfig: [["http.x.extraHeader", "Authorization: canary"]],
    gitDir: "/g",
    workTree: "/w",
  });
  const { stdout } = await runGit(program(script), ["ls-remote", "--", "url"], options);
  const [args, secret] = JSON.parse(String(stdout)) as [string[], string];
  expect(secret).toBe("Authorization: canary");
  expect(args.join(" ")).not.toContain("canary");
  expect(args.slice(-5)).toEqual(["--git-dir=/g", "--work-tree=/w", "ls-remote", "--", "url"]);
  for (const setting of [
    "core.hooksPath=/dev/null",
    "credential.helper=",
    "core.askPass=",
    "http.followRedirects=false",
  ]) {
    expect(args[args.indexOf(setting) - 1]).toBe("-c");
  }
});

test("the exit code and what was printed are handed back", async () => {
  const script = "console.log('out'); console.error('err'); process.exitCode = 3";
  expect(await runGit(program(script), [], run())).toMatchObject({ exitCode: 3, stderr: "err\n" });
  const pieces: Buffer[] = [];
  const { stdout } = await runGit(program(script), [], run({ onStdout: (chunk) => pieces.push(chunk) }));
  expect(stdout).toHaveLength(0);
  expect(String(Buffer.concat(pieces))).toBe("out\n");
});

test("K11: an abort ends git and what it has started, and then gives its reason", async () => {
  const abort = new AbortController();
  const script =
    "const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' });" +
    "process.on('SIGTERM', () => {}); console.log(child.pid); setInterval(() => {}, 1000)";
  let helper = 0;
  const running = runGit(
    program(script),
    [],
    run({
      signal: abort.signal,
      onStdout: (chunk) => {
        helper = Number(chunk);
        abort.abort(new Error("enough"));
      },
    }),
  );
  await expect(running).rejects.toThrow("enough");
  expect(helper).toBeGreaterThan(0);
  await expect.poll(() => isRunning(helper)).toBe(false);
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test("S5: git may neither take for ever nor print without end", async () => {
  await expect(runGit(program("setInterval(() => {}, 1000)"), [], run({ timeoutMs: 100 }))).rejects.toThrow(
    "longer than 0.1 s",
  );
  const flood = "const b = Buffer.alloc(1 << 20); const w = () => process.stdout.write(b, w); w()";
  await expect(runGit(program(flood), [], run())).rejects.toThrow("more than 67108864 bytes");
});

test("S4: what no program can be given, and a program that is not there, are errors of ours", async () => {
  await expect(runGit(program(""), ["a\0b"], run())).rejects.toMatchObject({ code: "CONTEXT_INVALID" });
  const missing = { path: "/nonexistent/git", environment: {} };
  await expect(runGit(missing, [], run())).rejects.toMatchObject({ code: "CONTEXT_FETCH" });
});

test("L5, L6: what git said is shown without secrets and control characters", () => {
  const remote = parseRemote("https://h/x.git");
  const stderr =
    "hint: nothing\nfatal: unable to access 'https://user:pw@h/x.git/': \u001b[31mtoken-canary\u001b[0m\r\nThe requested URL returned error: 302\n";
  const access = { protocols: "https", secretConfig: [], sshCommand: undefined, hidden: ["token-canary"] };
  const error = gitFailure("fetch remote", remote, { exitCode: 128, stdout: Buffer.alloc(0), stderr }, access);
  expect(error.message).toBe(
    `failed to fetch remote "https://h/x.git": fatal: unable to access 'https://h/x.git/': [31m…[0m`,
  );
  expect(error.details.status).toBe(302);
  expect(isRedirect(error)).toBe(true);
});
