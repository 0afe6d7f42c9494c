/** What every bundle mounts beside what is asked for. */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { bytesOf } from "../../util/bytes.js";
import { addDeviceFolder, addDevices, addNetworkFiles } from "../overlay/base-mounts.js";
import { onlyLocked } from "../overlay/locked-flags.js";
import { readMounts } from "../overlay/mount-table.js";
import type { RunPlace } from "../overlay/run-style.js";
import type { BundleMounts } from "./bundle-mounts.js";
import type { Runtime } from "./runtime.js";

/** Adds them to `mounts`; files that they need are made in `folder`. */
export function addBundleMounts(mounts: BundleMounts, place: RunPlace): void {
  const { stack, folder, spec, space } = place;
  const point = (path: string, kind: "dir" | "file" = "dir"): string => stack.mountPoint(bytesOf(path), kind);
  mounts.add("proc", point("/proc"), "proc", "nosuid,nodev,noexec");
  const dev = point("/dev");
  // Over a file system in memory the runtime makes what is mounted on, and the links; in a user namespace it fails to.
  if (space.overlay === "user") addDeviceFolder(mounts, dev, folder);
  else mounts.add("tmpfs", dev, "tmpfs", "nosuid,noexec,mode=0755,size=64m");
  addDevices(mounts, dev, place);
  const sys = point("/sys");
  if (space.overlay === "user" && spec.network !== "none")
    mounts.add("/sys", sys, "none", "rbind,nosuid,noexec,nodev,ro");
  else mounts.add("sysfs", sys, "sysfs", `nosuid,noexec,nodev${spec.security === "sandbox" ? ",ro" : ""}`);
  addNetworkFiles(mounts, point("/etc/resolv.conf", "file"), point("/etc/hosts", "file"), folder, spec);
}

/** Makes where the bundle will be. */
export function makeBundleFolder(folder: string): void {
  mkdirSync(join(folder, "bundle"), { mode: 0o700 });
}

/** What the runtime itself needs around it: a place in memory for the bundle, its state and its log; its own /proc. */
export function addRuntimeMounts(mounts: BundleMounts, folder: string, runtime: Runtime): void {
  mounts.add("tmpfs", `${bytesOf(folder)}/bundle`, "tmpfs", "mode=0700,nosuid,nodev");
  // It looks itself up by the numbers of its own namespace. "run": else mount(8) takes the machine's mount to be this one.
  mounts.add("run", "/proc", "proc", "nosuid,nodev,noexec");
  coverControlGroups(mounts, runtime);
}

const CONTROL_GROUPS = "/sys/fs/cgroup";

/**
 * Keeps the runtime, alone in its mount namespace, from making control groups: a builder that is killed could not remove
 * them. runc does without where they are read-only; crun refuses to look at hybrid ones.
 */
function coverControlGroups(mounts: BundleMounts, { name }: Runtime): void {
  if (name === "crun" && existsSync(`${CONTROL_GROUPS}/unified`)) {
    mounts.add("run", CONTROL_GROUPS, "tmpfs", "ro,size=0");
  }
  if (name !== "runc") return;
  for (const mount of readMounts()) {
    if (mount.type !== "cgroup" && mount.type !== "cgroup2") continue;
    mounts.add("run", bytesOf(mount.point), "none", ["remount", "bind", "ro", ...onlyLocked(mount)].join(","));
  }
}
