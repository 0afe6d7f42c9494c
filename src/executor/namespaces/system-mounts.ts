/** What every command finds mounted: /proc, /dev, /sys, and the network's files. */
import { existsSync } from "node:fs";
import { bytesOf } from "../../util/bytes.js";
import { addDeviceFolder, addDevices, addNetworkFiles } from "../overlay/base-mounts.js";
import type { Fstab } from "../overlay/fstab.js";
import type { RunPlace } from "../overlay/run-style.js";

const READ_ONLY = ["bus", "fs", "irq", "sys", "sysrq-trigger"] as const;
const MASKED_FILES = ["kcore", "keys", "timer_list", "sched_debug", "latency_stats"] as const;
const MASKED_FOLDERS = ["/proc/acpi", "/proc/scsi", "/sys/firmware"] as const;

/** Adds them to `fstab`; files that they need are made in `folder`. */
export function addSystemMounts(fstab: Fstab, place: RunPlace): void {
  const { stack, folder, spec, space, devices } = place;
  const point = (path: string, kind: "dir" | "file" = "dir"): string => stack.mountPoint(bytesOf(path), kind);
  const proc = point("/proc");
  const dev = point("/dev");
  const sys = point("/sys");
  const isSandbox = spec.security === "sandbox";
  fstab.add("proc", proc, "proc", "nosuid,nodev,noexec");
  addDeviceFolder(fstab, dev, folder);
  addDevices(fstab, dev, place);
  // Who is not root of the network namespace may not mount its sysfs.
  if (space.overlay === "user" && spec.network !== "none") fstab.add("/sys", sys, "none", "rbind,nosuid,noexec,nodev");
  else fstab.add("sysfs", sys, "sysfs", `nosuid,noexec,nodev${isSandbox ? ",ro" : ""}`);
  if (isSandbox) {
    for (const name of READ_ONLY) {
      if (existsSync(`/proc/${name}`)) {
        fstab.add(`${proc}/${name}`, `${proc}/${name}`, "none", "bind,ro,nosuid,nodev,noexec");
      }
    }
    const hidden = devices.source("null");
    for (const name of MASKED_FILES) {
      if (existsSync(`/proc/${name}`)) fstab.add(bytesOf(hidden.path), `${proc}/${name}`, "none", hidden.options);
    }
    for (const path of MASKED_FOLDERS) {
      const place = path.startsWith("/proc") ? proc + path.slice(5) : sys + path.slice(4);
      if (existsSync(path)) fstab.add("tmpfs", place, "tmpfs", "ro,nosuid,nodev,noexec,size=0");
    }
  }
  addNetworkFiles(fstab, point("/etc/resolv.conf", "file"), point("/etc/hosts", "file"), folder, spec);
}
