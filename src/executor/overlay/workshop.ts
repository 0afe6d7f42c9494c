/** What stands while an executor is in use: layers, caches, scratch folders, pipes, all under one mapping of ids. */
import { mkdirSync } from "node:fs";
import { CacheFolders } from "../kit/cache-folders.js";
import { FifoPool } from "../kit/fifo-pool.js";
import type { IdSpace } from "../kit/id-space.js";
import { LayerStore } from "../kit/layer-store.js";
import { ScratchFolders } from "../kit/scratch-folders.js";
import { openUserIds } from "../kit/user-ids.js";
import { isRoot, ownIds } from "../kit/user-namespace.js";
import { type DeviceNodes, openDeviceNodes } from "./device-nodes.js";
import { seedCache } from "./seed-cache.js";

export interface Workshop {
  /** Name of the executor, for its errors. */
  readonly executor: string;
  readonly space: IdSpace;
  readonly scratch: ScratchFolders;
  readonly layers: LayerStore;
  readonly caches: CacheFolders;
  readonly pipes: FifoPool;
  readonly devices: DeviceNodes;
}

/** Makes `stateDir` (0700) where it is missing, and removes what dead owners have left there. @throws EXECUTOR_FAILED */
export async function openWorkshop(executor: string, stateDir: string): Promise<Workshop> {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const space = isRoot() ? ownIds() : await openUserIds(executor);
  const scratch = new ScratchFolders(stateDir, space);
  await scratch.sweep();
  const layers = new LayerStore({ stateDir, executor, space, scratch });
  const seed = { executor, space, scratch, layers };
  const caches = new CacheFolders({
    stateDir,
    executor,
    space,
    scratch,
    fill: (mount, folder, io) => seedCache(seed, mount, folder, io),
  });
  const pipes = new FifoPool(scratch.make(), executor);
  return { executor, space, scratch, layers, caches, pipes, devices: await openDeviceNodes(stateDir, space, scratch) };
}

export async function closeWorkshop({ scratch, space }: Workshop): Promise<void> {
  await scratch.close();
  await space.close();
}
