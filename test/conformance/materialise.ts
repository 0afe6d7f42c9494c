/** Puts the context of a case on disk. */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  lchownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { haveTool } from "../support/tools.js";
import { caseBytes, MissingRequirement } from "./bytes.js";
import type { CaseEntry } from "./cases.js";

/** Makes `entries` below `folder`, in their order; modes and times, which come last, deepest first. */
export function materialise(folder: string, entries: readonly CaseEntry[]): void {
  const isRoot = process.getuid?.() === 0;
  for (const entry of entries) {
    const path = join(folder, entry.path);
    makeParents(folder, dirname(entry.path));
    if (entry.type === "dir") makeParents(folder, entry.path);
    else if (entry.type === "symlink") symlinkSync(entry.target!, path);
    else if (entry.type === "hardlink") linkSync(join(folder, entry.target!), path);
    else if (entry.type === "fifo") makeFifo(path);
    else writeFileSync(path, caseBytes(entry));
    // Whoever owns them on disk, files of a context belong to root: without the right to give them away nothing is lost.
    if (isRoot && (entry.uid !== undefined || entry.gid !== undefined)) {
      (entry.type === "symlink" ? lchownSync : chownSync)(path, entry.uid ?? 0, entry.gid ?? 0);
    }
  }
  const deepestFirst = entries
    .filter((entry) => entry.type !== "hardlink")
    .sort((a, b) => b.path.split("/").length - a.path.split("/").length);
  for (const { path: name, type, mode, mtime } of deepestFirst) {
    const path = join(folder, name);
    if (type !== "symlink") chmodSync(path, Number.parseInt(mode ?? (type === "dir" ? "0755" : "0644"), 8));
    if (mtime !== undefined) (type === "symlink" ? lutimesSync : utimesSync)(path, new Date(mtime), new Date(mtime));
  }
}

/** Missing folders get mode 0755 whatever the umask is. */
function makeParents(folder: string, name: string): void {
  if (name === "." || name === "") return;
  const made = mkdirSync(join(folder, name), { recursive: true });
  if (made === undefined) return;
  for (let path = name; join(folder, path).length >= made.length && path !== "."; path = dirname(path)) {
    chmodSync(join(folder, path), 0o755);
  }
}

function makeFifo(path: string): void {
  if (!haveTool("mkfifo")) throw new MissingRequirement("mkfifo is not on PATH");
  execFileSync("mkfifo", [path]);
}
