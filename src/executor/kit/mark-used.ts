/** Leaves a mark in a folder that is used, for those who clean up: what is used least recently goes first. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** The file's time is the mark, by the clock of the file system. */
export function markUsed(folder: string): void {
  try {
    writeFileSync(join(folder, "used"), "1", { mode: 0o600 });
  } catch {
    // Where nothing can be written nothing is cleaned up.
  }
}
