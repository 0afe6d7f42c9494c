/** What every bundle mounts beside what is asked for. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { bytesOf } from "../../util/bytes.js";
import { addDevices, addNetworkFiles } from "../overlay/base-mounts.js";
import type { RunPlace } from "../overlay/run-style.js";
import type { BundleMounts } from "./bundle-mounts.js";

/** Adds them to `mounts`; files that they need are made in `folder`. */
export function addBundleMounts(mounts: BundleMounts, { stack, folder, spec, space }: RunPlace): void {
  const point = (path: string, kind: "dir" | "file" = "dir"): string => stack.mountPoint(bytesOf(path), kind);
  mounts.add("proc", point("/proc"), "proc", "nosuid,nodev,noexec");
  addDevices(mounts, point("/dev"), folder, spec, space);
  const sys = point("/sys");
  if (space.overlay === "user" && spec.network !== "none")
    mounts.add("/sys", sys, "none", "rbind,nosuid,noexec,nodev,ro");
  else mounts.add("sysfs", sys, "sysfs", `nosuid,noexec,nodev${spec.security === "sandbox" ? ",ro" : ""}`);
  addNetworkFiles(mounts, point("/etc/resolv.conf", "file"), point("/etc/hosts", "file"), folder, spec);
}

/** What the runtime itself needs around it: a place in memory for the bundle, its state and its log. */
export function addRuntimeMounts(mounts: BundleMounts, folder: string): void {
  mkdirSync(join(folder, "bundle"), { mode: 0o700 });
  mounts.add("tmpfs", `${bytesOf(folder)}/bundle`, "tmpfs", "mode=0700,nosuid,nodev");
}
