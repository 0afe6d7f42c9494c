/** The user namespace that this process is root of: the machine's own, or one that a rootless container was given. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { type IdSpace, ROOT_IDS } from "./id-space.js";

/** Every id of the machine is itself, as nobody but its root can have it. */
const WHOLE = /^\s*0\s+0\s+4294967295\s*$/;

/** Whether this process is root, of whatever user namespace. */
export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** Whether it is root of the machine: who is root of another user namespace has the rights of an ordinary user outside of it. */
export function isMachineRoot(): boolean {
  return isRoot() && WHOLE.test(mapText("uid"));
}

/** How many ids there are, from 0 on without a gap. */
export function ownIdCount(): number {
  return Math.min(countOf(mapText("uid")), countOf(mapText("gid")));
}

/** The ids of a process that is root. */
export function ownIds(): IdSpace {
  if (isMachineRoot()) return ROOT_IDS;
  const count = ownIdCount();
  const maps = createHash("sha256")
    .update(`${mapText("uid")}\0${mapText("gid")}`)
    .digest("hex")
    .slice(0, 16);
  return {
    ...ROOT_IDS,
    ids: count > 1 ? "all" : "root",
    overlay: "user",
    // Folders hold ids of the machine: those of another mapping would belong to others.
    key: `own-${maps}`,
    maxId: count - 1,
  };
}

/** Lines of "first id inside, first id outside, count". @spec user_namespaces(7) */
function mapText(kind: "uid" | "gid"): string {
  try {
    return readFileSync(`/proc/self/${kind}_map`, "latin1");
  } catch {
    // Without user namespaces there is only the machine's root.
    return "0 0 4294967295";
  }
}

function countOf(map: string): number {
  const ranges = map
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number) as [number, number, number])
    .sort(([a], [b]) => a - b);
  let end = 0;
  for (const [first, , count] of ranges) if (first === end) end += count;
  return end;
}
