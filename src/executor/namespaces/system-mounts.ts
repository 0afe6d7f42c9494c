/** What every command finds mounted: /proc, /dev, /sys, and the network's files. */
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bytesOf } from "../../util/bytes.js";
import type { RunSpec } from "../contract.js";
import type { IdSpace } from "../kit/id-space.js";
import type { Fstab } from "./fstab.js";
import type { OverlayStack } from "./overlay-stack.js";

const DEVICES = ["null", "zero", "full", "random", "urandom", "tty"] as const;
const READ_ONLY = ["bus", "fs", "irq", "sys", "sysrq-trigger"] as const;
const MASKED_FILES = ["kcore", "keys", "timer_list", "sched_debug", "latency_stats"] as const;
const MASKED_FOLDERS = ["/proc/acpi", "/proc/scsi", "/sys/firmware"] as const;
const DEFAULT_SHM_BYTES = 64 * 1024 * 1024;

/** Adds them to `fstab`; files that they need are made in `folder`. */
export function addSystemMounts(
  fstab: Fstab,
  stack: OverlayStack,
  folder: string,
  spec: RunSpec,
  space: IdSpace,
): void {
  const point = (path: string, kind: "dir" | "file" = "dir"): string => stack.mountPoint(bytesOf(path), kind);
  const proc = point("/proc");
  const dev = point("/dev");
  const sys = point("/sys");
  const isSandbox = spec.security === "sandbox";
  fstab.add("proc", proc, "proc", "nosuid,nodev,noexec");
  addDevices(fstab, dev, folder, spec, space);
  // Who is not root of the network namespace may not mount its sysfs.
  if (space.overlay === "user" && spec.network !== "none") fstab.add("/sys", sys, "none", "rbind,nosuid,noexec,nodev");
  else fstab.add("sysfs", sys, "sysfs", `nosuid,noexec,nodev${isSandbox ? ",ro" : ""}`);
  if (isSandbox) {
    for (const name of READ_ONLY) {
      if (existsSync(`/proc/${name}`)) {
        fstab.add(`${proc}/${name}`, `${proc}/${name}`, "none", "bind,ro,nosuid,nodev,noexec");
      }
    }
    for (const name of MASKED_FILES) {
      if (existsSync(`/proc/${name}`)) fstab.add("/dev/null", `${proc}/${name}`, "none", "bind");
    }
    for (const path of MASKED_FOLDERS) {
      const place = path.startsWith("/proc") ? proc + path.slice(5) : sys + path.slice(4);
      if (existsSync(path)) fstab.add("tmpfs", place, "tmpfs", "ro,nosuid,nodev,noexec,size=0");
    }
  }
  addNetworkFiles(fstab, point("/etc/resolv.conf", "file"), point("/etc/hosts", "file"), folder, spec);
}

export function addDevices(fstab: Fstab, dev: string, folder: string, spec: RunSpec, space: IdSpace): void {
  const own = join(folder, "dev");
  mkdirSync(own, { mode: 0o755 });
  for (const name of DEVICES) writeFileSync(join(own, name), "");
  for (const name of ["pts", "shm", "mqueue"]) mkdirSync(join(own, name), { mode: 0o755 });
  symlinkSync("/proc/self/fd", join(own, "fd"));
  ["stdin", "stdout", "stderr"].forEach((name, fd) => {
    symlinkSync(`/proc/self/fd/${fd}`, join(own, name));
  });
  symlinkSync("pts/ptmx", join(own, "ptmx"));
  fstab.add(own, dev, "none", "bind,nosuid,noexec,nodev");
  for (const name of DEVICES) fstab.add(`/dev/${name}`, `${dev}/${name}`, "none", "bind");
  const tty = space.ids === "all" ? ",gid=5" : "";
  fstab.add("devpts", `${dev}/pts`, "devpts", `nosuid,noexec,newinstance,ptmxmode=0666,mode=0620${tty}`);
  const size = spec.shmSizeBytes ?? DEFAULT_SHM_BYTES;
  fstab.add("shm", `${dev}/shm`, "tmpfs", `nosuid,noexec,nodev,mode=1777,size=${size}`);
  fstab.add("mqueue", `${dev}/mqueue`, "mqueue", "nosuid,noexec,nodev");
}

export function addNetworkFiles(fstab: Fstab, resolv: string, hosts: string, folder: string, spec: RunSpec): void {
  const resolvFile = join(folder, "resolv.conf");
  writeFileSync(resolvFile, readResolvConf(), { mode: 0o644 });
  const hostsFile = join(folder, "hosts");
  const lines = [
    `127.0.0.1\tlocalhost ${spec.hostname}`,
    "::1\tlocalhost ip6-localhost ip6-loopback",
    ...spec.hosts.map(({ address, name }) => `${address}\t${name}`),
  ];
  writeFileSync(hostsFile, `${lines.join("\n")}\n`, { mode: 0o644 });
  fstab.add(resolvFile, resolv, "none", "bind");
  fstab.add(hostsFile, hosts, "none", "bind");
}

function readResolvConf(): Buffer {
  try {
    return readFileSync("/etc/resolv.conf");
  } catch {
    return Buffer.alloc(0);
  }
}
