/** What a folder holds, in a form that can be compared. */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { digestOf } from "../../src/oci/digest.js";

/** Paths below `dir` with type, mode and content, sorted; empty when there is no such folder. */
export function folderSnapshot(dir: string, prefix = ""): readonly string[] {
  let names: string[];
  try {
    names = readdirSync(dir).sort();
  } catch {
    return [];
  }
  return names.flatMap((name) => {
    const path = join(dir, name);
    const stat = lstatSync(path);
    const shown = `${prefix}${name} ${(stat.mode & 0o7777).toString(8)}`;
    if (stat.isDirectory()) return [`${shown} dir`, ...folderSnapshot(path, `${prefix}${name}/`)];
    if (stat.isSymbolicLink()) return [`${prefix}${name} -> ${readlinkSync(path)}`];
    return [`${shown} ${stat.isFile() ? digestOf(readFileSync(path)) : "special"}`];
  });
}
