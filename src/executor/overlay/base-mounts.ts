/** What every command finds mounted whoever mounts it: /dev, and the network's files. */
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RunSpec } from "../contract.js";
import type { IdSpace } from "../kit/id-space.js";
import { DEVICES, hostsText, readResolvConf } from "../kit/system-files.js";
import type { Fstab } from "./fstab.js";

const DEFAULT_SHM_BYTES = 64 * 1024 * 1024;

export function addDevices(fstab: Fstab, dev: string, folder: string, spec: RunSpec, space: IdSpace): void {
  const own = join(folder, "dev");
  mkdirSync(own, { mode: 0o755 });
  for (const name of DEVICES) writeFileSync(join(own, name), "");
  for (const name of ["pts", "shm", "mqueue"]) mkdirSync(join(own, name), { mode: 0o755 });
  // runc gives a tmpfs the rights of what it covers.
  chmodSync(join(own, "shm"), 0o1777);
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
  writeFileSync(hostsFile, hostsText(spec), { mode: 0o644 });
  fstab.add(resolvFile, resolv, "none", "bind");
  fstab.add(hostsFile, hosts, "none", "bind");
}
