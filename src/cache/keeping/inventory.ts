/** What a store holds, thing by thing: what it takes on the disk, when it was last used, whether it may go. */
import { lstatSync, type Stats } from "node:fs";
import { basename, join } from "node:path";
import { isKey } from "../key.js";
import { DiskUsage, namesIn, pathsIn } from "./disk-usage.js";
import { referencedBlobs } from "./referenced-blobs.js";

/** What a thing is. Everything but images and cache mounts can be made again, or is not needed. */
export type ItemKind =
  /** Documents and layers of the images that are listed. */
  | "image"
  /** Blobs that no listed image refers to: of base images, of layers that were pushed. */
  | "blob"
  /** Tars of layers. */
  | "layer"
  /** Records of steps and of builds, indexes of layers. */
  | "record"
  /** What is known of the files of build contexts. */
  | "context"
  /** Layers unpacked for RUN. */
  | "unpacked"
  /** Of `RUN --mount=type=cache`. */
  | "cache-mount"
  | "git"
  | "download"
  /** What commands printed. */
  | "log"
  /** Files of builds that are under way, locks, leases, the folders themselves. */
  | "other";

export interface StoreItem {
  readonly kind: ItemKind;
  /** Short and unique in the store. */
  readonly id: string;
  /** The file or folder; what belongs to it is in `beside`. */
  readonly path: string;
  /** Files that mean nothing without `path`. */
  readonly beside: readonly string[];
  readonly sizeBytes: number;
  /** By the clock of the file system; milliseconds since 1970. */
  readonly lastUsedMs: number;
  /** Whether the store may lose it at any moment. */
  readonly isCache: boolean;
}

export interface Inventory {
  readonly items: readonly StoreItem[];
  /** All of the store: what the items take, and the rest. */
  readonly totalBytes: number;
  /** Folders that this user may not read; they count for nothing. */
  readonly unreadable: readonly string[];
}

/** Sizes of folders that have not changed since they were looked through. */
export type KnownSizes = Map<string, number>;

/**
 * Lists the store in the folder `root`. With `known`, which is brought up to date, folders that were not used since are not
 * looked through again; without it everything is counted.
 */
export function takeInventory(root: string, known?: KnownSizes): Inventory {
  const usage = new DiskUsage();
  const items: StoreItem[] = [];
  const sizes: KnownSizes = new Map();
  const sizeOfFolder = (kind: ItemKind, path: string, stat: Stats): number => {
    // Unpacked layers never change; the others do so only when they are used.
    const key = kind === "unpacked" ? path : `${path} ${lastUse(path, stat)}`;
    const size = known?.get(key) ?? usage.of(path);
    sizes.set(key, size);
    return size;
  };
  const add = (kind: ItemKind, path: string, beside: readonly string[] = []): void => {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return;
    const size = stat.isDirectory() ? sizeOfFolder(kind, path, stat) : usage.own(stat);
    const more = beside.reduce((sum, other) => sum + usage.of(other), 0);
    items.push({
      kind,
      id: `${kind}/${shortName(path)}`,
      path,
      beside,
      sizeBytes: size + more,
      lastUsedMs: lastUse(path, stat),
      isCache: kind !== "image" && kind !== "cache-mount" && kind !== "other",
    });
  };

  const blobs = join(root, "images", "blobs", "sha256");
  const referenced = referencedBlobs(join(root, "images"));
  for (const name of namesIn(blobs)) add(referenced?.has(name) === false ? "blob" : "image", join(blobs, name));

  const layers = join(root, "layers", "v1");
  const layerNames = new Set(namesIn(layers));
  for (const name of layerNames) {
    const path = join(layers, name);
    if (name.endsWith(".tar")) add("layer", path, [path.replace(/tar$/, "size")]);
    else if (!name.endsWith(".size") || !layerNames.has(name.replace(/size$/, "tar"))) add("record", path);
  }
  for (const shape of pathsIn(join(root, "steps", "v1"))) for (const path of pathsIn(shape)) add("record", path);
  for (const path of pathsIn(join(root, "builds", "v1"))) add("record", path);
  for (const path of pathsIn(join(root, "stat", "v1"))) add("context", path);
  for (const path of pathsIn(join(root, "fetched", "v1"))) add("download", path);
  for (const path of pathsIn(join(root, "git", "v1"))) add("git", path);
  for (const path of pathsIn(join(root, "logs", "v1"))) add("log", path);

  for (const executor of pathsIn(join(root, "executors"))) {
    for (const ids of pathsIn(join(executor, "layers"))) {
      for (const path of pathsIn(ids)) {
        if (isKey(basename(path))) add("unpacked", path);
      }
    }
    for (const ids of pathsIn(join(executor, "caches"))) for (const path of pathsIn(ids)) add("cache-mount", path);
  }

  known?.clear();
  for (const [key, size] of sizes) known?.set(key, size);
  const counted = items.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const rest = restOf(root, usage);
  if (rest > 0) {
    items.push({ kind: "other", id: "other", path: root, beside: [], sizeBytes: rest, lastUsedMs: 0, isCache: false });
  }
  return { items, totalBytes: counted + rest, unreadable: usage.unreadable };
}

/** Bytes of everything that is no item: folders, temporary files, locks, and what this version does not know (K13). */
function restOf(root: string, usage: DiskUsage): number {
  /** Folders whose contents are items, so many levels below them. */
  const depths = new Map([
    ["images/blobs/sha256", 1],
    ["layers/v1", 1],
    ["steps/v1", 2],
    ["builds/v1", 1],
    ["stat/v1", 1],
    ["fetched/v1", 1],
    ["git/v1", 1],
    ["logs/v1", 1],
  ]);
  let bytes = 0;
  const visit = (path: string, relative: string, itemsIn: number | undefined): void => {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined || itemsIn === 0) return;
    bytes += usage.own(stat);
    if (!stat.isDirectory()) return;
    for (const name of namesIn(path)) {
      const below = relative === "" ? name : `${relative}/${name}`;
      const left = itemsIn === undefined ? depths.get(relative) : itemsIn;
      visit(join(path, name), below, left === undefined ? itemsBelow(below) : left - 1);
    }
  };
  visit(root, "", undefined);
  return bytes;
}

/** 0 for an item of an executor. */
function itemsBelow(relative: string): number | undefined {
  const [top, , kind, ids, name, ...more] = relative.split("/");
  if (top !== "executors" || ids === undefined || name === undefined || more.length > 0) return undefined;
  return kind === "caches" || (kind === "layers" && isKey(name)) ? 0 : undefined;
}

/** Folders say it by a file in them: their own time tells when something in them was made. */
function lastUse(path: string, stat: Stats): number {
  if (!stat.isDirectory()) return stat.mtimeMs;
  const used = lstatSync(join(path, USED_FILE), { throwIfNoEntry: false });
  return Math.max(stat.mtimeMs, used?.mtimeMs ?? 0);
}

/** Written in a folder whenever it is used. */
export const USED_FILE = "used";

function shortName(path: string): string {
  return basename(path).slice(0, 76);
}
