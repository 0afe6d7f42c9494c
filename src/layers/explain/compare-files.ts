/** What differs between the files that a step read and those that it reads now: one cause for each, folders as a whole. */
import type { StepFile, StepFiles } from "../../cache/step-files.js";
import type { FileChange, MissCause } from "../../events.js";
import { comparePaths, parentPath } from "../../tree/paths.js";
import { type ByteString, textOf } from "../../util/bytes.js";
import { fileCount, shownChange, shownName } from "./shown-text.js";

/** More causes of one step are counted only. */
const MOST_CAUSES = 20;

export interface FileComparison {
  readonly causes: readonly MissCause[];
  /** How many files differ. */
  readonly count: number;
}

interface Difference {
  readonly path: ByteString;
  /** Files that it stands for. */
  readonly count: number;
  readonly cause: Omit<MissCause, "kind" | "subject" | "text"> & { readonly what: string };
}

/** Where files are, in words. */
export interface FilePlace {
  /** Stands before paths: `/` in stages and images, nothing in build contexts. */
  readonly top: string;
  /** Stands after paths, for example ` of stage "build"`; empty for the build context. */
  readonly name: string;
}

/** @param place where the files of a group are */
export function compareFiles(before: StepFiles, now: StepFiles, place: (group: string) => FilePlace): FileComparison {
  const causes: MissCause[] = [];
  let count = 0;
  let untold = 0;
  const names = new Set([...now.groups, ...before.groups].map(({ name }) => name));
  for (const name of names) {
    const { top, name: where } = place(name);
    const differences = compareGroup(filesByPath(before, name), filesByPath(now, name), top);
    for (const { path, count: files, cause } of differences) {
      count += files;
      if (causes.length === MOST_CAUSES) {
        untold += files;
        continue;
      }
      const { what, ...rest } = cause;
      const subject = `${top}${textOf(path)}` || ".";
      causes.push({ kind: "file", subject, ...rest, text: `${shownName(subject)}${where}: ${what}` });
    }
  }
  if (untold > 0) causes.push({ kind: "files", text: `and ${fileCount(untold)} more` });
  return { causes, count };
}

/** Several groups of one name are one. */
function filesByPath({ groups }: StepFiles, name: string): Map<ByteString, StepFile> {
  const found = new Map<ByteString, StepFile>();
  for (const group of groups) if (group.name === name) for (const file of group.files) found.set(file.path, file);
  return found;
}

function compareGroup(
  before: ReadonlyMap<ByteString, StepFile>,
  now: ReadonlyMap<ByteString, StepFile>,
  top: string,
): Difference[] {
  const added: StepFile[] = [];
  const differences: Difference[] = [];
  for (const [path, file] of now) {
    const other = before.get(path);
    if (other === undefined) added.push(file);
    else if (!isEqual(other, file)) {
      const cause = changeOf(other, file);
      if (cause !== undefined) differences.push({ path, count: 1, cause });
    }
  }
  const removed = [...before.values()].filter(({ path }) => !now.has(path));
  const renamed = renamesAmong(removed, added);
  const gone = new Set(renamed.flatMap(({ pairs }) => pairs.map(([from]) => from)));
  const come = new Set(renamed.flatMap(({ pairs }) => pairs.map(([, to]) => to)));
  for (const { from, to, pairs } of renamed) {
    const files = pairs.length === 1 ? "" : ` (${fileCount(pairs.length)})`;
    const after = `${top}${textOf(to)}`;
    const cause = { change: "renamed", after, what: `renamed to ${shownName(after)}${files}` } as const;
    differences.push({ path: from, count: pairs.length, cause });
  }
  differences.push(...grouped("removed", removed, gone), ...grouped("added", added, come));
  return differences.sort((a, b) => comparePaths(a.path, b.path));
}

/** Most files are: this is quicker than telling what is different. */
function isEqual(a: StepFile, b: StepFile): boolean {
  return (
    a.content === b.content &&
    a.mode === b.mode &&
    a.type === b.type &&
    a.uid === b.uid &&
    a.gid === b.gid &&
    a.xattrs === b.xattrs
  );
}

/** What differs between two states of one path; `undefined` for nothing. */
function changeOf(before: StepFile, now: StepFile): Difference["cause"] | undefined {
  if (before.type !== now.type) {
    const [was, is] = [before.type, now.type];
    return { change: "type", before: was, after: is, what: `was a ${was} and is a ${is}` };
  }
  const found: { change: FileChange; what: string; before?: string; after?: string }[] = [];
  if (before.content !== now.content && before.content !== "" && now.content !== "") {
    if (now.type === "symlink" || now.type === "hardlink") {
      const [was, is] = [textOf(before.content), textOf(now.content)];
      found.push({ change: "target", before: was, after: is, what: `leads elsewhere: ${shownChange(was, is)}` });
    } else found.push({ change: "content", what: "content changed" });
  }
  const modes = [octal(before.mode), octal(now.mode)] as const;
  if (modes[0] !== modes[1]) found.push(pairOf("mode", "mode", modes));
  const owners = [`${before.uid}:${before.gid}`, `${now.uid}:${now.gid}`] as const;
  if (owners[0] !== owners[1]) found.push(pairOf("owner", "owner", owners));
  if (before.xattrs !== now.xattrs) found.push({ change: "attributes", what: "extended attributes changed" });
  const [first] = found;
  return first && { ...first, what: found.map(({ what }) => what).join(", ") };
}

function pairOf(change: FileChange, name: string, [before, after]: readonly [string, string]) {
  return { change, before, after, what: `${name} ${before} → ${after}` };
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}

interface Rename {
  readonly from: ByteString;
  readonly to: ByteString;
  readonly pairs: readonly (readonly [from: StepFile, to: StepFile])[];
}

/** Files that are gone and have come back elsewhere with the same content; folders of them as one. */
function renamesAmong(removed: readonly StepFile[], added: readonly StepFile[]): Rename[] {
  const byContent = new Map<string, StepFile[]>();
  for (const file of removed) {
    if (file.type !== "file" || file.content === "") continue;
    const known = byContent.get(file.content);
    if (known === undefined) byContent.set(file.content, [file]);
    else known.push(file);
  }
  const folders = new Map<string, Rename & { pairs: (readonly [StepFile, StepFile])[] }>();
  for (const to of added) {
    const from = to.type === "file" ? byContent.get(to.content)?.shift() : undefined;
    if (from === undefined) continue;
    const [oldTop, newTop] = partingFolders(from.path, to.path);
    const key = `${oldTop}\0${newTop}`;
    const known = folders.get(key);
    if (known === undefined) folders.set(key, { from: oldTop, to: newTop, pairs: [[from, to]] });
    else known.pairs.push([from, to]);
  }
  // A single file is named by itself, not by its folder.
  return [...folders.values()].map(({ from, to, pairs }) =>
    pairs.length === 1 ? { from: pairs[0]![0].path, to: pairs[0]![1].path, pairs } : { from, to, pairs },
  );
}

/** Two paths without the components at their ends that are equal. */
function partingFolders(from: ByteString, to: ByteString): readonly [ByteString, ByteString] {
  let [a, b] = [from, to];
  while (a !== "" && b !== "" && a.slice(a.lastIndexOf("/") + 1) === b.slice(b.lastIndexOf("/") + 1)) {
    const [above, beside] = [parentPath(a), parentPath(b)];
    if (above === "" || beside === "") break;
    [a, b] = [above, beside];
  }
  return [a, b];
}

/** Files that were added or removed; what is in a folder that was, too, counts as a part of it. */
function grouped(change: "added" | "removed", files: readonly StepFile[], told: ReadonlySet<StepFile>): Difference[] {
  const folders = new Set(files.flatMap(({ path, type }) => (type === "dir" && path !== "" ? path : [])));
  const tops = new Map<ByteString, { count: number; isFolder: boolean }>();
  for (const file of files) {
    if (told.has(file)) continue;
    let top = file.path;
    for (let above = parentPath(top); above !== ""; above = parentPath(above)) if (folders.has(above)) top = above;
    const known = tops.get(top) ?? { count: 0, isFolder: folders.has(top) };
    if (file.type !== "dir") known.count++;
    tops.set(top, known);
  }
  // Of a folder that was renamed nothing is left but the folder itself.
  const renamedAway = new Set([...told].flatMap(({ path }) => ancestors(path)));
  return [...tops].flatMap(([path, { count, isFolder }]): Difference[] => {
    if (isFolder && count === 0 && renamedAway.has(path)) return [];
    const what = isFolder && count > 0 ? `${change} (${fileCount(count)})` : change;
    return [{ path, count: Math.max(1, count), cause: { change, what } }];
  });
}

function ancestors(path: ByteString): ByteString[] {
  const found: ByteString[] = [];
  for (let above = parentPath(path); above !== ""; above = parentPath(above)) found.push(above);
  return found;
}
