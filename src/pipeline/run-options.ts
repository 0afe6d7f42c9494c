/** What the build's options say of RUN, checked: hosts, limits, agents, what is allowed. */
import { isIP } from "node:net";
import { OcibuildError } from "../errors.js";
import type { Executor, RunSpec } from "../executor/contract.js";
import type { RunExecution } from "../layers/run/run-execution.js";

/** The options of a build that are about RUN. */
export interface RunOptions {
  /**
   * Who runs the commands of RUN: `auto` (unless given) takes the strongest that works here, `none` refuses; or one of
   * your own.
   */
  readonly executor?: string | Executor;
  /** Sockets of ssh agents by id: what `RUN --mount=type=ssh,id=…` gets. */
  readonly ssh?: Readonly<Record<string, string>>;
  /** Network of commands that do not say which: `default`, `none`, or `host`, which must be allowed. */
  readonly network?: RunSpec["network"];
  /** What RUN may ask for beyond a sandbox: `network.host`, `security.insecure`. */
  readonly allow?: readonly string[];
  /** Lines for /etc/hosts: `NAME:ADDRESS` or `NAME=ADDRESS`. */
  readonly addHosts?: readonly string[];
  /** Bytes of /dev/shm. */
  readonly shmSize?: number;
  /** `NAME=SOFT[:HARD]`; -1 for no limit. */
  readonly ulimits?: readonly string[];
}

/** As in BuildKit, whose build argument names another. */
const DEFAULT_HOSTNAME = "buildkitsandbox";

/** What RUN may be allowed. */
const ENTITLEMENTS: readonly string[] = ["network.host", "security.insecure"];

/** @throws OPTIONS_INVALID */
export function allowed(options: RunOptions): ReadonlySet<string> {
  for (const entitlement of options.allow ?? []) {
    if (ENTITLEMENTS.includes(entitlement)) continue;
    throw problem("allow", `"${entitlement}" cannot be allowed`, `Expected one of ${ENTITLEMENTS.join(", ")}.`);
  }
  return new Set(options.allow);
}

/** What every command of the build gets. @throws OPTIONS_INVALID */
export function executionSettings(
  options: RunOptions,
  buildArgs: Readonly<Record<string, string>> = {},
): Omit<RunExecution, "executor" | "secret"> {
  const { network = "default", addHosts = [], shmSize, ulimits = [], ssh = {} } = options;
  if (shmSize !== undefined && !(Number.isSafeInteger(shmSize) && shmSize >= 0)) {
    throw problem("shmSize", `shmSize expected a number of bytes but got ${shmSize}`);
  }
  const sockets = new Map(Object.entries(ssh));
  const hostname = buildArgs["BUILDKIT_SANDBOX_HOSTNAME"] ?? "";
  return {
    network,
    hostname: hostname === "" ? DEFAULT_HOSTNAME : hostname,
    hosts: addHosts.map(parseHost),
    shmSizeBytes: shmSize === 0 ? undefined : shmSize,
    ulimits: ulimits.map(parseUlimit),
    sshSocket: (id) => sockets.get(id),
  };
}

/** `NAME:ADDRESS`, also with `=`, and with brackets around an address of version 6. @throws OPTIONS_INVALID */
export function parseHost(text: string): RunSpec["hosts"][number] {
  const [, name = "", written = ""] = /^([^:=]*)[:=](.*)$/s.exec(text) ?? [];
  const address = written.replace(/^\[(.*)\]$/, "$1");
  if (/^[^\s#]+$/.test(name) && isIP(address) !== 0) return { name, address };
  throw problem("addHosts", `"${text}" names no host`, "Expected NAME:ADDRESS, for example registry.local:10.0.0.5.");
}

const ULIMITS: ReadonlySet<string> = new Set([
  ...["core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc"],
  ...["rss", "rtprio", "rttime", "sigpending", "stack"],
]);

/** @throws OPTIONS_INVALID */
export function parseUlimit(text: string): RunSpec["ulimits"][number] {
  const [, name = "", softText, hardText] = /^([a-z]+)=(-1|[0-9]{1,15})(?::(-1|[0-9]{1,15}))?$/.exec(text) ?? [];
  if (!ULIMITS.has(name)) {
    throw problem("ulimits", `"${text}" is no limit`, "Expected NAME=SOFT[:HARD], for example nofile=1024:4096.");
  }
  const soft = Number(softText);
  const hard = hardText === undefined ? soft : Number(hardText);
  if (hard !== -1 && (soft === -1 || soft > hard)) {
    throw problem("ulimits", `"${text}" has a soft limit above its hard limit`);
  }
  return { name, soft, hard };
}

function problem(option: string, message: string, hint?: string): OcibuildError<"OPTIONS_INVALID"> {
  return new OcibuildError("OPTIONS_INVALID", message, {
    details: { option },
    ...(hint === undefined ? {} : { hint }),
  });
}
