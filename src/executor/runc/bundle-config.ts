/** config.json of a run's bundle (OCI runtime specification, config.md and config-linux.md). */
import { readFileSync } from "node:fs";
import type { RunSpec } from "../contract.js";
import { executorUnsupported } from "../kit/failures.js";
import type { BundleMount } from "./bundle-mounts.js";
import { seccompProfile } from "./seccomp.js";

export interface BundleOptions {
  readonly executor: string;
  readonly spec: RunSpec;
  /** Absolute path of the mounted root file system. */
  readonly root: string;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly mounts: readonly BundleMount[];
  readonly terminal: boolean;
}

/** By number. */
const CAPABILITIES = (
  "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE " +
  "NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN " +
  "SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE " +
  "MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
).split(" ");

/** Docker's default set. */
const SANDBOXED: ReadonlySet<string> = new Set(
  "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE".split(
    " ",
  ),
);

const MASKED = [
  "/proc/asound",
  "/proc/acpi",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/sys/firmware",
  "/sys/devices/virtual/powercap",
];
const READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];
const UMASK = 0o022;

/** The text of config.json. @throws EXECUTOR_UNSUPPORTED for a limit that is not known */
export function bundleConfig({ executor, spec, root, args, env, mounts, terminal }: BundleOptions): string {
  const isSandbox = spec.security === "sandbox";
  const { uid, gid, additionalGids } = spec.user;
  const bounding = capabilities(isSandbox);
  const granted = uid === 0 ? bounding : [];
  const process = JSON.stringify({
    terminal,
    user: { uid, gid, additionalGids: [...new Set(additionalGids)], umask: UMASK },
    args,
    env,
    cwd: spec.cwd,
    capabilities: { bounding, permitted: granted, effective: granted, inheritable: [], ambient: [] },
    noNewPrivileges: false,
  });
  // "Unlimited" is a number that JavaScript does not have.
  const rlimits = spec.ulimits.map(({ name, soft, hard }) => {
    if (!/^[a-z]+$/.test(name)) throw executorUnsupported(executor, "ulimit", `limit "${name}" is unknown`);
    return `{"type":"RLIMIT_${name.toUpperCase()}","soft":${limitValue(soft)},"hard":${limitValue(hard)}}`;
  });
  const rest = JSON.stringify({
    ociVersion: "1.0.2",
    root: { path: root, readonly: false },
    hostname: spec.hostname,
    mounts,
    linux: {
      namespaces: ["pid", "mount", "ipc", "uts"].map((type) => ({ type })),
      ...(isSandbox ? { maskedPaths: MASKED, readonlyPaths: READ_ONLY, seccomp: seccompProfile(hostArch()) } : {}),
    },
  });
  return `${rest.slice(0, -1)},"process":${process.slice(0, -1)},"rlimits":[${rlimits.join(",")}]}}`;
}

function hostArch(): NodeJS.Architecture {
  return process.arch;
}

function limitValue(value: number): string {
  return value < 0 ? String(2n ** 64n - 1n) : String(value);
}

/** Those asked for that this process could hand on: runtimes fail over others. */
function capabilities(isSandbox: boolean): string[] {
  const own = /^CapBnd:\s*([0-9a-f]+)/m.exec(readFileSync("/proc/self/status", "latin1"))?.[1];
  const mask = BigInt(`0x${own ?? "0"}`);
  return CAPABILITIES.filter((name, bit) => (mask >> BigInt(bit)) & 1n && (!isSandbox || SANDBOXED.has(name))).map(
    (name) => `CAP_${name}`,
  );
}
