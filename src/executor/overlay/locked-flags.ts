/** Flags of a mount that whoever mounts it again in a user namespace has to keep. */
import { readFileSync, realpathSync } from "node:fs";

const LOCKED: ReadonlySet<string> = new Set(["nosuid", "nodev", "noexec", "noatime", "nodiratime", "relatime"]);

/** Those of the mount that `path` is on. */
export function lockedFlags(path: string): readonly string[] {
  const real = realpathSync(path);
  let best = { point: "", flags: [] as readonly string[] };
  for (const line of readFileSync("/proc/self/mountinfo", "utf8").split("\n")) {
    const [, , , , written, options] = line.split(" ");
    if (written === undefined || options === undefined) continue;
    const point = written.replace(/\\([0-7]{3})/g, (_, digits: string) =>
      String.fromCharCode(Number.parseInt(digits, 8)),
    );
    const covers = real === point || real.startsWith(point === "/" ? "/" : `${point}/`);
    // Of equal points the last one is on top.
    if (covers && point.length >= best.point.length) best = { point, flags: options.split(",") };
  }
  return best.flags.filter((flag) => LOCKED.has(flag));
}
