/**
 * A Docker daemon of the test's own: own socket, own storage, no bridge, no firewall rules, so that containers need
 * `--network host`. Needs root and the programs `dockerd` and `docker` (Debian package docker.io).
 */
import { spawn } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DockerPrograms } from "./buildx.js";
import { Daemon } from "./daemon.js";
import { makeOwnFolder, removeOwnFolder } from "./own-folder.js";
import { type ProgramOptions, runProgram, tryProgram } from "./program.js";

export interface Dockerd extends AsyncDisposable {
  /** Path of its socket. */
  readonly socket: string;
  /** As DOCKER_HOST has it. */
  readonly host: string;
  /** The client's whole environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Runs `docker ...args` against this daemon; returns its standard output. */
  docker(args: readonly string[], options?: Pick<ProgramOptions, "input">): Promise<string>;
  /** Ends the daemon with its containers and removes its storage. Idempotent. */
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 20_000;

/** Starts a daemon that talks plain HTTP to the registry `insecureRegistry`, and waits until it answers. */
export async function startDockerd(
  options: {
    readonly insecureRegistry?: string;
    /** Keeps images in containerd's store, which takes Docker 24 or newer. */
    readonly containerdStore?: boolean;
    /** The machine's own unless given. */
    readonly programs?: DockerPrograms;
  } = {},
): Promise<Dockerd> {
  const folder = makeOwnFolder("dockerd");
  const socket = `unix://${join(folder, "s")}`;
  const clientConfig = join(folder, "client");
  mkdirSync(clientConfig);
  const noSettings = join(folder, "daemon.json");
  const { insecureRegistry, containerdStore = false, programs } = options;
  const searchPath = programs?.searchPath ?? process.env["PATH"] ?? "";
  if (programs !== undefined) {
    mkdirSync(join(clientConfig, "cli-plugins"));
    symlinkSync(programs.buildx, join(clientConfig, "cli-plugins/docker-buildx"));
  }
  writeFileSync(noSettings, containerdStore ? '{"features":{"containerd-snapshotter":true}}' : "{}");
  const child = spawn(
    "dockerd",
    [
      ...["--iptables=false", "--ip6tables=false", "--bridge=none", "--userland-proxy=false"],
      ...["--data-root", join(folder, "data"), "--exec-root", join(folder, "exec")],
      ...["-H", socket, "--pidfile", join(folder, "pid")],
      ...["--config-file", noSettings, "--shutdown-timeout", "1"],
      ...(insecureRegistry === undefined ? [] : ["--insecure-registry", insecureRegistry]),
    ],
    { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, PATH: searchPath } },
  );
  // It ends its containers and its containerd when it is asked to, not when it is killed.
  const daemon = new Daemon("dockerd", child);
  const stop = async (): Promise<void> => {
    await daemon.stop(STOP_TIMEOUT_MS);
    removeOwnFolder(folder);
  };

  const env = { PATH: searchPath, HOME: folder, DOCKER_CONFIG: clientConfig, DOCKER_HOST: socket };
  const answers = async (): Promise<boolean> =>
    (await tryProgram("docker", ["version", "--format", "{{.Server.Version}}"], { env })).code === 0;
  await daemon.started(START_TIMEOUT_MS, answers, stop);
  return {
    socket: join(folder, "s"),
    host: socket,
    env,
    docker: (args, extra) => runProgram("docker", args, { env, ...extra }),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
