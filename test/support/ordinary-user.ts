/**
 * A user without privileges. For tests that run as root it is made with `useradd` and removed afterwards; else it is
 * who runs the tests.
 */
import { execFileSync } from "node:child_process";
import { chownSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { makeOwnFolder, removeOwnFolder } from "./own-folder.js";
import { requireTool } from "./tools.js";

export interface OrdinaryUser extends AsyncDisposable {
  readonly uid: number;
  readonly gid: number;
  /** An empty folder of the user's own. */
  readonly home: string;
  /** What a login would set, and nothing of the tests' own environment. */
  readonly env: Readonly<Record<string, string>>;
  /** `args` as an argument vector that runs them as the user. */
  command(args: readonly string[]): [string, ...string[]];
  /** Makes an empty folder of the user's own below the home. */
  folder(name: string): string;
}

/** Whether tests may become another user: true after a notice when they cannot. */
export function requireOrdinaryUser(): boolean {
  return process.getuid?.() !== 0 || requireTool("useradd", "userdel", "setpriv");
}

/** Whether the tests run as root; as `requireTool` a loud no, and an error where `CI=true`. */
export function requireRoot(): boolean {
  if (process.getuid?.() === 0) return true;
  const message = "not running as root";
  if (process.env["CI"] === "true") throw new Error(`${message}, and CI=true forbids skipping the tests that need it`);
  process.stderr.write(`\n!!! SKIPPED: ${message}; the tests that need it do not run\n`);
  return false;
}

/** Makes the user; the caller disposes of it. */
export function makeOrdinaryUser(): OrdinaryUser {
  const folder = makeOwnFolder("user");
  const home = join(folder, "home");
  mkdirSync(home, { mode: 0o700 });
  const isRoot = process.getuid?.() === 0;
  const name = isRoot ? `oe${process.pid}` : (process.env["USER"] ?? "user");
  if (isRoot) execFileSync("useradd", ["--no-create-home", "--home-dir", home, "--shell", "/bin/sh", name]);
  const removeUser = (): void => {
    if (isRoot) execFileSync("userdel", ["--force", name], { stdio: "ignore" });
  };
  process.once("exit", removeUser);
  const { uid, gid } = isRoot ? idsOf(name) : { uid: process.getuid!(), gid: process.getgid!() };
  if (isRoot) chownSync(home, uid, gid);
  let disposed = false;
  return {
    uid,
    gid,
    home,
    env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin", HOME: home, USER: name, LOGNAME: name, LANG: "C.UTF-8" },
    command: (args) => {
      if (!isRoot) return [...args] as [string, ...string[]];
      const { uid: to, gid: group } = { uid: String(uid), gid: String(gid) };
      return ["setpriv", `--reuid=${to}`, `--regid=${group}`, "--init-groups", "--inh-caps=-all", "--", ...args];
    },
    folder: (child) => {
      const path = join(home, child);
      mkdirSync(path, { mode: 0o700 });
      if (isRoot) chownSync(path, uid, gid);
      return path;
    },
    async [Symbol.asyncDispose]() {
      if (disposed) return;
      disposed = true;
      process.removeListener("exit", removeUser);
      removeOwnFolder(folder);
      removeUser();
    },
  };
}

function idsOf(name: string): { readonly uid: number; readonly gid: number } {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((text) => text.startsWith(`${name}:`));
  const [, , uid, gid] = line!.split(":");
  return { uid: Number(uid), gid: Number(gid) };
}
