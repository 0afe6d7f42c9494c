/**
 * Podman and buildah with storage of the test's own, for root or for an ordinary user. Containers use the host's network and
 * no more than low limits, because raising limits is not allowed everywhere.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { OrdinaryUser } from "./ordinary-user.js";
import { makeOwnFolder, removeOwnFolder } from "./own-folder.js";
import { type ProgramOptions, runProgram, tryProgram } from "./program.js";
import { haveTool } from "./tools.js";

export interface Podman extends AsyncDisposable {
  /** Runs `podman ...args` with this storage; returns its standard output. */
  podman(args: readonly string[], options?: Pick<ProgramOptions, "input">): Promise<string>;
  /** Runs `podman run ...args` and waits for its end; returns what it wrote. @throws Error when it does not end with 0 */
  run(args: readonly string[]): Promise<string>;
  /** Runs `buildah ...args` with the same storage; returns its standard output. */
  buildah(args: readonly string[]): Promise<string>;
  /** Starts the service that speaks Docker's API, with this storage; returns the path of its socket. */
  serve(): Promise<string>;
  /** Ends the service and the containers, and removes the storage. Idempotent. */
  stop(): Promise<void>;
}

const RUN_TIMEOUT_MS = 60_000;

/** Storage for root, or for `user`, in whose home it is then. */
export function makePodman({ user }: { readonly user?: OrdinaryUser } = {}): Podman {
  const folder = user === undefined ? makeOwnFolder("podman") : user.folder("podman");
  const give = (path: string): void => {
    if (user !== undefined && process.getuid?.() === 0) chownSync(path, user.uid, user.gid);
  };
  const part = (name: string): string => {
    const path = join(folder, name);
    mkdirSync(path, { mode: 0o700 });
    give(path);
    return path;
  };
  const run = part("run");
  const state = part("state");
  const storage = part("storage");
  const config = part("config");
  const quoted = (path: string): string => JSON.stringify(path);
  writeFileSync(
    join(config, "containers.conf"),
    [
      "[containers]",
      'netns = "host"',
      'default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]',
      'log_driver = "k8s-file"',
      "[engine]",
      // crun refuses machines with both kinds of control groups.
      ...(haveTool("runc") ? ['runtime = "runc"'] : []),
      'cgroup_manager = "cgroupfs"',
      'lock_type = "file"',
      'events_logger = "file"',
      `tmp_dir = ${quoted(join(run, "tmp"))}`,
      `static_dir = ${quoted(join(state, "static"))}`,
      `volume_path = ${quoted(join(state, "volumes"))}`,
      "[network]",
      `network_config_dir = ${quoted(join(state, "networks"))}`,
      "",
    ].join("\n"),
  );
  writeFileSync(
    join(config, "storage.conf"),
    [
      "[storage]",
      'driver = "overlay"',
      `graphroot = ${quoted(storage)}`,
      `rootless_storage_path = ${quoted(storage)}`,
      `runroot = ${quoted(join(run, "root"))}`,
      "",
    ].join("\n"),
  );
  writeFileSync(join(config, "auth.json"), "{}");
  for (const name of ["", "containers.conf", "storage.conf", "auth.json"]) give(join(config, name));
  const env = {
    ...(user?.env ?? { PATH: process.env["PATH"] ?? "", HOME: folder }),
    CONTAINERS_CONF: join(config, "containers.conf"),
    CONTAINERS_STORAGE_CONF: join(config, "storage.conf"),
    REGISTRY_AUTH_FILE: join(config, "auth.json"),
    XDG_RUNTIME_DIR: run,
    TMPDIR: part("tmp"),
  };
  const start = (args: readonly string[]): [string, readonly string[]] => {
    const [program, ...rest] = user === undefined ? args : user.command(args);
    return [program!, rest];
  };
  const podman: Podman["podman"] = (args, options) =>
    runProgram(...start(["podman", ...args]), { env, cwd: folder, ...options });
  const runContainer = async (args: readonly string[]): Promise<string> => {
    // Not attached: podman would wait until init has reaped its monitor, for which some inits need their time.
    const id = (await podman(["run", "--detach", ...args])).trim();
    for (const deadline = Date.now() + RUN_TIMEOUT_MS; ; await delay(100)) {
      const state = (await podman(["inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", id])).trim();
      if (!/^(?:stopped|exited) /.test(state) && Date.now() < deadline) continue;
      const logs = await podman(["logs", id]);
      if (!state.endsWith("ed 0")) throw new Error(`podman run ${args.join(" ")} is ${state}:\n${logs.slice(-4000)}`);
      await podman(["rm", "--force", "--time", "0", id]);
      return logs;
    }
  };
  let service: ChildProcess | undefined;
  const serve = async (): Promise<string> => {
    const socket = join(run, "s");
    const [program, args] = start(["podman", "system", "service", "--time=0", `unix://${socket}`]);
    const child = spawn(program, args, { env, cwd: folder, stdio: "ignore" });
    service = child;
    for (const deadline = Date.now() + RUN_TIMEOUT_MS; !existsSync(socket); await delay(50)) {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error("podman's service did not start");
    }
    return socket;
  };
  let stopped = false;
  const stop = async (): Promise<void> => {
    if (stopped) return;
    stopped = true;
    if (service !== undefined && service.exitCode === null) {
      const ended = new Promise((resolve) => service!.once("exit", resolve));
      service.kill("SIGTERM");
      await ended;
    }
    await tryProgram(...start(["podman", "rm", "--all", "--force", "--time", "0"]), { env, cwd: folder });
    await tryProgram(...start(["podman", "unshare", "rm", "-rf", storage]), { env, cwd: folder });
    endPauseProcess(join(run, "tmp", "pause.pid"));
    endPauseProcess(join(run, "libpod", "tmp", "pause.pid"));
    if (user === undefined) removeOwnFolder(folder);
    else rmSync(folder, { recursive: true, force: true });
  };
  return {
    podman,
    run: runContainer,
    serve,
    buildah: (args) => runProgram(...start(["buildah", ...args]), { env, cwd: folder }),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** The process that holds a user's namespaces between two commands. */
function endPauseProcess(pidFile: string): void {
  try {
    const pid = Number(readFileSync(pidFile, "utf8"));
    if (Number.isInteger(pid) && pid > 1) process.kill(pid, "SIGTERM");
  } catch {
    // There was none.
  }
}
