/** What every command finds mounted whoever mounts it: /dev, and the network's files. */
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bytesOf } from "../../util/bytes.js";
import type { RunSpec } from "../contract.js";
import { DEVICES, hostsText, readResolvConf } from "../kit/system-files.js";
import type { Fstab } from "./fstab.js";
import type { RunPlace } from "./run-style.js";

const DEFAULT_SHM_BYTES = 64 * 1024 * 1024;

/** Makes a folder with all that is mounted on in /dev, and the links that belong there. */
export function makeDeviceFolder(folder: string): void {
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
}

/** Mounts what `makeDeviceFolder` made in `folder`. */
export function addDeviceFolder(fstab: Fstab, dev: string, folder: string): void {
  fstab.add(bytesOf(join(folder, "dev")), dev, "none", "bind,nosuid,noexec,nodev");
}

/** What is mounted in /dev, which is at `dev`. */
export function addDevices(fstab: Fstab, dev: string, { spec, space, devices }: RunPlace): void {
  for (const name of DEVICES) {
    const { path, options } = devices.source(name);
    fstab.add(bytesOf(path), `${dev}/${name}`, "none", options);
  }
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
  fstab.add(bytesOf(resolvFile), resolv, "none", "bind");
  fstab.add(bytesOf(hostsFile), hosts, "none", "bind");
}
