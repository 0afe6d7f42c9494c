/**
 * Removes what a store can do without, least recently used first, beside builds that go on. What is in use stays; a thing is
 * moved away first and looked at once more: if somebody has used it meanwhile it is put back (K7).
 */
import { lstatSync, mkdirSync, renameSync, rmdirSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { ownedName } from "../../util/process-owner.js";
import { systemCode } from "../store-error.js";
import {
  type Inventory,
  type ItemKind,
  type KnownSizes,
  type StoreItem,
  takeInventory,
  USED_FILE,
} from "./inventory.js";
import type { StoreUse } from "./store-use.js";

export interface PruneOptions {
  /** Only things of these kinds; unless given all that can be made again. */
  readonly kinds?: readonly ItemKind[];
  /** Only things that were not used for so long. */
  readonly unusedForMs?: number;
  /** Stop when the whole store takes no more. */
  readonly maxUsedBytes?: number;
  /** Leave so much of what could be removed, the most recently used, whatever the other limits say. */
  readonly reservedBytes?: number;
  /** Stop when the file system has so much free. */
  readonly minFreeBytes?: number;
  readonly known?: KnownSizes;
}

export interface PruneResult {
  readonly removed: readonly StoreItem[];
  readonly freedBytes: number;
  /** Of the whole store, afterwards. */
  readonly leftBytes: number;
  /** Bytes that could go but are in use. */
  readonly inUseBytes: number;
}

export interface PrunedStore {
  readonly root: string;
  readonly use: StoreUse;
  /** Bytes free on its file system. */
  freeBytes(): number;
}

/** Never fails because of a thing that cannot be removed; it is left out then. */
export function pruneStore(store: PrunedStore, options: PruneOptions = {}): PruneResult {
  const { kinds, unusedForMs, maxUsedBytes, reservedBytes, minFreeBytes } = options;
  const inventory: Inventory = takeInventory(store.root, options.known);
  const isInUse = store.use.inUse();
  const now = store.use.nowMs() ?? 0;
  const candidates = inventory.items
    .filter(({ kind, isCache }) => (kinds === undefined ? isCache : kinds.includes(kind)))
    .filter(({ kind }) => kind !== "image" && kind !== "other")
    .sort((a, b) => a.lastUsedMs - b.lastUsedMs);
  const free = candidates.filter(({ lastUsedMs }) => !isInUse(lastUsedMs));
  let left = inventory.totalBytes;
  let removable = candidates.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const inUseBytes = removable - free.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const isEnough = (): boolean => {
    if (reservedBytes !== undefined && removable <= reservedBytes) return true;
    if (maxUsedBytes === undefined && minFreeBytes === undefined) return false;
    return left <= (maxUsedBytes ?? left) && store.freeBytes() >= (minFreeBytes ?? 0);
  };
  const removed: StoreItem[] = [];
  for (const item of free) {
    if (isEnough()) break;
    if (unusedForMs !== undefined && now - item.lastUsedMs < unusedForMs) continue;
    if (!removeItem(store.root, item)) continue;
    removed.push(item);
    left -= item.sizeBytes;
    removable -= item.sizeBytes;
  }
  const freedBytes = removed.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return { removed, freedBytes, leftBytes: left, inUseBytes };
}

/** Whether it is gone. */
function removeItem(root: string, { kind, path, beside, lastUsedMs }: StoreItem): boolean {
  const trash = trashFor(root, path);
  try {
    moveAway(path, trash);
  } catch {
    return false;
  }
  if (usedSince(trash) > lastUsedMs) {
    try {
      renameSync(trash, path);
    } catch {
      // Whoever used it has made it again.
      discard(trash);
    }
    return false;
  }
  for (const other of beside) discard(other);
  discard(trash);
  if (kind === "record") removeEmpty(dirname(path));
  return true;
}

/**
 * Where something waits to be deleted: on the same file system, and where the next start sweeps it. Files of other ids that an
 * executor unpacked can only be deleted by that executor, in its own folder.
 */
function trashFor(root: string, path: string): string {
  const relative = path.slice(root.length + 1).split("/");
  const dir = relative[0] === "executors" ? join(root, "executors", relative[1]!, "tmp") : join(root, "tmp");
  return join(dir, `${ownedName()}.trash`);
}

function moveAway(path: string, trash: string): void {
  try {
    renameSync(path, trash);
  } catch (error) {
    if (systemCode(error) !== "ENOENT" || lstatSync(path, { throwIfNoEntry: false }) === undefined) throw error;
    mkdirSync(join(trash, ".."), { recursive: true, mode: 0o700 });
    renameSync(path, trash);
  }
}

function usedSince(path: string): number {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  const used = stat?.isDirectory() ? statSync(join(path, USED_FILE), { throwIfNoEntry: false }) : undefined;
  return Math.max(stat?.mtimeMs ?? 0, used?.mtimeMs ?? 0);
}

/** Whoever writes to a folder makes it when it is missing. */
function removeEmpty(dir: string): void {
  try {
    rmdirSync(dir);
  } catch {
    // There are other records in it.
  }
}

function discard(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // Its owner is dead soon, and what the dead leave is swept.
  }
}
