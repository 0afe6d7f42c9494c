/**
 * The store: one folder that holds images, layers and what makes the next build fast (design, section 4).
 *
 * `images/` OCI layout · `layers/v1/`, `steps/v1/`, `stat/v1/`, `builds/v1/`, `logs/v1/` can be deleted at any moment · `locks/` ·
 * `tmp/`. A format that changes gets a new folder; folders that this version does not know are left alone (K13).
 */
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  type Stats,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { OcibuildError } from "../errors.js";
import { BlobDirectory } from "./blob-directory.js";
import { BuildJournals } from "./build-journals.js";
import { FolderLock } from "./folder-lock.js";
import { ImageStore } from "./image-store.js";
import { type Inventory, takeInventory } from "./keeping/inventory.js";
import { type PruneOptions, type PruneResult, pruneStore } from "./keeping/prune.js";
import { SpaceGuard, usualLimitBytes } from "./keeping/space-guard.js";
import { StoreUse } from "./keeping/store-use.js";
import { LayerFiles } from "./layer-files.js";
import { LogFiles } from "./log-files.js";
import { createLayout } from "./oci-layout.js";
import { PendingFile, removeLeftovers } from "./pending-file.js";
import { StatCacheFiles } from "./stat-cache-files.js";
import { StepCache } from "./step-cache.js";
import { StepLocks } from "./step-locks.js";
import { storeError, systemCode } from "./store-error.js";
import type { StoreFolders } from "./store-folders.js";

/** Keeps backup programs out. @spec https://bford.info/cachedir/ */
const CACHEDIR_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# This folder is the store of ocibuild.\n";

export interface StoreOptions {
  /** Told, once for each text, what costs time but no correctness. */
  readonly onWarning?: (message: string) => void;
  /**
   * Bytes of everything in it: before more is written, what was used least recently goes, and when that is not enough
   * nothing more is written. `usual` as `usualLimitBytes` says, and only for what can go; none unless given.
   */
  readonly limitBytes?: number | "usual";
  /** How long to wait for another process that changes the list of images; 30 s unless told otherwise. */
  readonly lockWaitMs?: number;
  /** It is gone when its build is over, so nothing is kept that is for people to read afterwards. */
  readonly isTemporary?: boolean;
}

export interface Store {
  /** Absolute. */
  readonly root: string;
  /** Whether anything can be written; a store that cannot be written to can still be read. */
  readonly writable: boolean;
  /** How many damaged things were found and moved away so far: when it grows, trying again can help (S3). */
  readonly lostCount: number;
  /** Counts something that was relied on and is not there after all, and says so in a warning when there is something to say. */
  reportLost(message: string | undefined): void;
  /** Of the images: manifests, configs and layers as outputs need them. */
  readonly blobs: BlobDirectory;
  readonly images: ImageStore;
  readonly layers: LayerFiles;
  readonly steps: StepCache;
  /** For those who are about to make a step. */
  readonly stepLocks: StepLocks;
  readonly stats: StatCacheFiles;
  readonly journals: BuildJournals;
  /** Of commands: what they printed. */
  readonly logs: LogFiles;
  /** Everything in it: reads all of its folders. */
  inventory(): Inventory;
  /** Removes what it can do without. */
  prune(options?: PruneOptions): PruneResult;
  /** Who uses it, and what was used when. */
  readonly use: StoreUse;
  /** Ends the use of it: what this process used may be removed by others from now on. Idempotent. */
  close(): void;
  /** A temporary file on the store's file system. The caller discards it. @throws STORE_UNUSABLE */
  createFile(): PendingFile;
  /** An existing folder for temporary files of this process, on the store's file system. @throws STORE_UNUSABLE */
  tempDir(): string;
}

/**
 * Opens the store in the folder `root` (absolute), which is made when it is missing. Its parts are made when something
 * is written to them. Removes what killed processes left.
 * @throws STORE_UNUSABLE when the folder is a symbolic link, is no folder, belongs to somebody else, is open to others
 *   and cannot be closed, or cannot be made
 */
export async function openStore(root: string, options: StoreOptions = {}): Promise<Store> {
  prepareRoot(root);
  const writable = canWrite(root);
  const images = join(root, "images");
  const tmp = join(root, "tmp");
  const lock = new FolderLock(
    join(root, "locks", "images"),
    options.lockWaitMs === undefined ? {} : { waitMs: options.lockWaitMs },
  );
  const told = new Set<string>();
  let lostCount = 0;
  let prepared: Promise<void> | undefined;
  const makeLayout = async (): Promise<void> => {
    if (!existsSync(join(images, "index.json"))) await lock.hold(() => createLayout(images, tmp));
  };
  const warn = (message: string): void => {
    if (told.has(message)) return;
    told.add(message);
    options.onWarning?.(message);
  };
  const use = new StoreUse(join(root, "leases"), writable);
  const freeBytes = (): number => {
    const { bsize, bavail } = statfsSync(root);
    return bsize * bavail;
  };
  const limitBytes = options.limitBytes === "usual" ? usualLimitBytes(root) : options.limitBytes;
  const guard =
    limitBytes === undefined
      ? undefined
      : new SpaceGuard({ root, use, freeBytes }, limitBytes, options.limitBytes !== "usual");
  const createFile = (): PendingFile => PendingFile.create(tmp, { beforeWrite: guard?.beforeWrite });
  const folders: StoreFolders = {
    images,
    tmp,
    createFile,
    touch: (path) => use.touch(path),
    warn,
    lost: (message) => {
      lostCount++;
      warn(message);
    },
    prepareImages: () => {
      prepared ??= makeLayout().catch((error: unknown) => {
        prepared = undefined;
        throw error;
      });
      return prepared;
    },
  };
  if (writable) {
    writeCacheTag(root);
    removeLeftovers(tmp);
    removeLeftovers(join(root, "leases"));
  }
  const blobs = new BlobDirectory(folders);
  return {
    root,
    writable,
    get lostCount() {
      return lostCount;
    },
    reportLost: (message) => {
      lostCount++;
      if (message !== undefined) warn(message);
    },
    blobs,
    images: new ImageStore(folders, blobs, lock),
    layers: new LayerFiles(join(root, "layers", "v1"), folders, blobs),
    steps: new StepCache(join(root, "steps", "v1"), folders),
    stepLocks: new StepLocks(join(root, "locks", "steps"), writable),
    stats: new StatCacheFiles(join(root, "stat", "v1"), folders),
    journals: new BuildJournals(join(root, "builds", "v1"), folders),
    logs: new LogFiles(join(root, "logs", "v1"), folders, options.isTemporary !== true),
    inventory: () => takeInventory(root),
    prune: (pruneOptions) => pruneStore({ root, use, freeBytes }, pruneOptions),
    use,
    close: () => use.end(),
    createFile,
    tempDir: () => {
      try {
        mkdirSync(tmp, { recursive: true, mode: 0o700 });
      } catch (error) {
        throw storeError(error, "create", tmp);
      }
      return tmp;
    },
  };
}

/** Makes the folder when it is missing and checks that it is ours alone (L8). */
function prepareRoot(root: string): void {
  try {
    let stat = lstatSync(root, { throwIfNoEntry: false });
    if (stat === undefined) {
      mkdirSync(root, { recursive: true, mode: 0o700 });
      // Looked at again: somebody else may have been quicker.
      stat = lstatSync(root);
    }
    assertOwnFolder(root, stat);
    closeToOthers(root, stat);
  } catch (error) {
    throw storeError(error, "create", root);
  }
}

/** Marks the folder as a cache; not worth an error. */
function writeCacheTag(root: string): void {
  const path = join(root, "CACHEDIR.TAG");
  try {
    if (!existsSync(path)) writeFileSync(path, CACHEDIR_TAG, { mode: 0o600, flag: "wx" });
  } catch {
    // Another process writes it, or the next start tries again.
  }
}

function assertOwnFolder(root: string, stat: Stats): void {
  if (stat.isSymbolicLink()) {
    throw unusable(root, "a folder", "a symbolic link", "Name the folder that the link points to with --root.");
  }
  if (!stat.isDirectory()) throw unusable(root, "a folder", "a file", "Choose another folder with --root.");
  const uid = process.getuid?.();
  if (uid !== undefined && stat.uid !== uid) {
    const hint = "Choose a folder of your own with --root, or change the owner.";
    throw unusable(root, `a folder that belongs to user ${uid}`, `one that belongs to user ${stat.uid}`, hint);
  }
}

/** What is in the store may hold what the build was given: nobody else may read it, or put something there. */
function closeToOthers(root: string, stat: Stats): void {
  if (process.platform === "win32" || (stat.mode & 0o077) === 0) return;
  try {
    chmodSync(root, 0o700);
  } catch (error) {
    const onlyReadable = (stat.mode & 0o022) === 0;
    if (!(onlyReadable && systemCode(error) === "EROFS")) throw error;
  }
}

function canWrite(root: string): boolean {
  try {
    accessSync(root, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function unusable(root: string, expected: string, got: string, hint: string): OcibuildError<"STORE_UNUSABLE"> {
  return new OcibuildError("STORE_UNUSABLE", `store "${root}" expected ${expected} but got ${got}`, {
    details: { path: root },
    hint,
  });
}
