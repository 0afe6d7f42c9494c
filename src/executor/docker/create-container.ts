/** A command as an engine is told of it: in Docker's words, and in Podman's own. */
import type { RunSpec } from "../contract.js";
import type { Engine } from "./engine.js";
import { ownedLabels } from "./labels.js";
import type { EngineMounts } from "./run-mounts.js";
import { CreatedSchema } from "./schemas.js";

export interface ContainerOptions {
  readonly spec: RunSpec;
  /** `spec.cwd` without symlinks, which Podman does not follow. */
  readonly cwd: string;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly image: string;
  readonly mounts: EngineMounts;
}

/** Id of a new container; `undefined` when its image is not there any more. @throws EXECUTOR_FAILED */
export async function createContainer(
  engine: Engine,
  options: ContainerOptions,
  isPodman: boolean,
  signal: AbortSignal,
): Promise<string | undefined> {
  const path = isPodman ? "/v4.0.0/libpod/containers/create" : "/containers/create";
  const json = isPodman ? podmanConfig(options) : dockerConfig(options);
  return (await engine.jsonOr({ method: "POST", path, json, signal }, CreatedSchema))?.Id;
}

export function dockerConfig({ spec, args, env, image, mounts }: ContainerOptions): object {
  const { user, network, shmSizeBytes, ulimits, security } = spec;
  return {
    Image: image,
    Entrypoint: args,
    // A name without a value takes away what the engine adds.
    Env: env.some((line) => line.startsWith("HOSTNAME=")) ? env : [...env, "HOSTNAME"],
    WorkingDir: spec.cwd,
    User: `${user.uid}:${user.gid}`,
    Hostname: spec.hostname,
    Labels: ownedLabels("run"),
    HostConfig: {
      NetworkMode: network,
      GroupAdd: user.additionalGids.map(String),
      ExtraHosts: hostsOf(spec),
      Privileged: security === "insecure",
      Ulimits: ulimits.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
      ...(shmSizeBytes === undefined ? {} : { ShmSize: shmSizeBytes }),
      // What is printed goes to who is attached, and to no disk.
      LogConfig: { Type: "none", Config: {} },
      Mounts: mounts.binds.map(({ source, target, readOnly }) => ({
        Type: "bind",
        Source: source,
        Target: target,
        ReadOnly: readOnly,
      })),
      Tmpfs: Object.fromEntries(mounts.tmpfs.map(({ target, options }) => [target, options])),
    },
  };
}

/** Without a bridge engines leave the host name out. */
function hostsOf({ hostname, hosts }: RunSpec): string[] {
  return [`${hostname}:127.0.0.1`, ...hosts.map(({ name, address }) => `${name}:${address}`)];
}

/** Its form of Docker's API writes users into the image's /etc/passwd, and adds variables. */
export function podmanConfig({ spec, cwd, args, env, image, mounts }: ContainerOptions): object {
  const { user, network, shmSizeBytes, ulimits, security } = spec;
  return {
    image,
    entrypoint: args,
    command: [],
    env: Object.fromEntries(env.map(splitVariable)),
    unsetenvall: true,
    manage_password: false,
    work_dir: cwd,
    user: `${user.uid}:${user.gid}`,
    groups: user.additionalGids.map(String),
    hostname: spec.hostname,
    // Its own file begins with that of its machine; ours is among the mounts.
    use_image_hosts: true,
    labels: ownedLabels("run"),
    privileged: security === "insecure",
    image_volume_mode: "ignore",
    log_configuration: { driver: "none" },
    ...(network === "default" ? {} : { netns: { nsmode: network } }),
    ...(ulimits.length === 0
      ? {}
      : { r_limits: ulimits.map(({ name, soft, hard }) => ({ type: name, soft: limit(soft), hard: limit(hard) })) }),
    ...(shmSizeBytes === undefined ? {} : { shm_size: shmSizeBytes }),
    mounts: [
      ...mounts.binds.map(({ source, target: destination, readOnly }) => {
        return { type: "bind", source, destination, options: [readOnly ? "ro" : "rw"] };
      }),
      // Else what the image has there would be copied.
      ...mounts.tmpfs.map(({ target: destination, options }) => {
        return { type: "tmpfs", source: "tmpfs", destination, options: [...options.split(","), "notmpcopyup"] };
      }),
    ],
  };
}

function splitVariable(line: string): readonly [string, string] {
  const at = line.indexOf("=");
  return [line.slice(0, at), line.slice(at + 1)];
}

/** No limit is the highest number that JSON has without losing any. */
function limit(value: number): number {
  return value < 0 ? Number.MAX_SAFE_INTEGER : value;
}
