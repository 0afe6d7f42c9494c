/** Puts memory files on disk, for trees over folders. */
import { chmodSync, linkSync, lutimesSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { MemoryEntry, MemoryFiles } from "../../src/context/memory-tree.js";

/** Writes `files` below `folder`. Modes are set whatever the umask is. */
export function writeFiles(folder: string, files: MemoryFiles): void {
  const entries = (files instanceof Map ? [...files] : Object.entries(files)) as [
    string,
    string | Uint8Array | MemoryEntry,
  ][];
  for (const [name, value] of entries) {
    const isBytes = typeof value === "string" || value instanceof Uint8Array;
    const entry: MemoryEntry = isBytes ? (name.endsWith("/") ? { type: "dir" } : { content: value }) : value;
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    if (entry.type === "dir") mkdirSync(path, { recursive: true });
    else if (entry.type === "symlink") symlinkSync(entry.target!, path);
    else if (entry.type === "hardlink") linkSync(join(folder, entry.target!), path);
    else writeFileSync(path, entry.content ?? "");
    if (entry.type === "symlink") {
      if (entry.mtime !== undefined) lutimesSync(path, 0, entry.mtime);
      continue;
    }
    if (entry.type !== "hardlink") chmodSync(path, entry.mode ?? (entry.type === "dir" ? 0o755 : 0o644));
    // Node takes a negative number for "now"; a Date before 1970 is what it says.
    if (entry.mtime !== undefined) {
      const time = entry.mtime instanceof Date ? entry.mtime : new Date(entry.mtime * 1000);
      utimesSync(path, time, time);
    }
  }
}
