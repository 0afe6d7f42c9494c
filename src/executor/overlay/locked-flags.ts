/** Flags of a mount that whoever mounts it again in a user namespace has to keep. */
import { realpathSync } from "node:fs";
import { type Mount, readMounts } from "./mount-table.js";

const LOCKED: ReadonlySet<string> = new Set(["nosuid", "nodev", "noexec", "noatime", "nodiratime", "relatime"]);

/** Those of the mount that `path` is on. */
export function lockedFlags(path: string): readonly string[] {
  const real = realpathSync(path);
  let best: Mount = { point: "", flags: [], type: "" };
  for (const mount of readMounts()) {
    const { point } = mount;
    const covers = real === point || real.startsWith(point === "/" ? "/" : `${point}/`);
    // Of equal points the last one is on top.
    if (covers && point.length >= best.point.length) best = mount;
  }
  return onlyLocked(best);
}

export function onlyLocked({ flags }: Mount): readonly string[] {
  return flags.filter((flag) => LOCKED.has(flag));
}
