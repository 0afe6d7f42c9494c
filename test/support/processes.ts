/** The processes of this machine. */
import { readdirSync, readFileSync } from "node:fs";

/** Ids of the processes that have `word` among their arguments. */
export function processesWith(word: string): number[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      return readFileSync(`/proc/${name}/cmdline`, "latin1").split("\0").includes(word) ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}
