/** What is in a folder, closely enough to tell later what has been touched since: nobody can set a ctime. */
import { lstatSync, readdirSync, type Stats, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { type ByteString, compareBytes, fsPath } from "../../util/bytes.js";

export interface ListedFile {
  /** With the type. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly ino: number;
  readonly rdev: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
}

/** By path inside the folder, its own (empty) path included; parents before what is in them. */
export type TreeList = ReadonlyMap<ByteString, ListedFile>;

/** Lists `root`, which must not change meanwhile. What `isLeftOut` names is passed over with all that is in it. */
export function listTree(root: ByteString, isLeftOut: (path: ByteString, stat: Stats) => boolean): TreeList {
  const list = new Map<ByteString, ListedFile>();
  const visit = (path: ByteString, place: ByteString): void => {
    const stat = lstatSync(fsPath(place));
    if (path !== "" && isLeftOut(path, stat)) return;
    const { mode, uid, gid, size, ino, rdev, mtimeMs, ctimeMs } = stat;
    list.set(path, { mode, uid, gid, size, ino, rdev, mtimeMs, ctimeMs });
    if (!stat.isDirectory()) return;
    for (const name of readdirSync(fsPath(place), "latin1").sort(compareBytes)) {
      visit((path === "" ? name : `${path}/${name}`) as ByteString, `${place}/${name}` as ByteString);
    }
  };
  visit("" as ByteString, root);
  return list;
}

const MAX_TICKS = 100;

/**
 * Waits until a change would get another ctime than any in `list`: the kernel's clock for files ticks every few
 * milliseconds. `folder` is on the same file system.
 */
export async function untilNextTick(list: TreeList, folder: string): Promise<void> {
  let latest = 0;
  for (const { ctimeMs } of list.values()) if (ctimeMs > latest) latest = ctimeMs;
  const probe = join(folder, "tick");
  // A clock that was set back has passed: its times are different, too.
  for (let tick = 0; tick < MAX_TICKS; tick++) {
    writeFileSync(probe, "");
    if (lstatSync(probe).ctimeMs > latest) return;
    await setTimeout(1);
  }
}
