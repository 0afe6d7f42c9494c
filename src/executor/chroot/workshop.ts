/** What stands while an executor is in use: layers, trees, caches, pipes, and who watches over it. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { CacheFolders } from "../kit/cache-folders.js";
import { FifoPool } from "../kit/fifo-pool.js";
import { FLAT_ROOT_IDS } from "../kit/id-space.js";
import { LayerStore } from "../kit/layer-store.js";
import { ScratchFolders } from "../kit/scratch-folders.js";
import { recoverCaches } from "./cache-moves.js";
import { LayerCopy } from "./layer-copy.js";
import { ProcessMarks } from "./marked-processes.js";
import { fillCache } from "./mount-furniture.js";
import { isInMemory, SecretFiles } from "./secret-files.js";
import { Watchdog } from "./watchdog.js";
import { WorkingTrees } from "./working-trees.js";

export interface Workshop {
  /** Name of the executor, for its errors. */
  readonly executor: string;
  readonly scratch: ScratchFolders;
  readonly layers: LayerStore;
  readonly copy: LayerCopy;
  readonly trees: WorkingTrees;
  readonly caches: CacheFolders;
  readonly pipes: FifoPool;
  readonly marks: ProcessMarks;
  readonly secrets: SecretFiles | undefined;
  readonly watchdog: Watchdog;
}

/** Makes `stateDir` (0700) where it is missing, and removes what dead owners have left there. @throws EXECUTOR_FAILED */
export async function openWorkshop(executor: string, stateDir: string): Promise<Workshop> {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  recoverCaches(join(stateDir, "tmp"));
  const space = FLAT_ROOT_IDS;
  const scratch = new ScratchFolders(stateDir, space);
  await scratch.sweep();
  const layers = new LayerStore({ stateDir, executor, space, scratch });
  const copy = new LayerCopy(executor, scratch);
  const own = scratch.make();
  const marks = new ProcessMarks();
  const secretFolder = join(own, "secrets");
  return {
    executor,
    scratch,
    layers,
    copy,
    trees: new WorkingTrees(layers, scratch, copy),
    caches: new CacheFolders({
      stateDir,
      executor,
      space,
      scratch,
      fill: (mount, folder, io) => fillCache({ executor, layers, copy }, mount, folder, io),
    }),
    pipes: new FifoPool(scratch.make(), executor),
    marks,
    secrets: isInMemory(stateDir) ? new SecretFiles(secretFolder) : undefined,
    watchdog: new Watchdog(executor, marks.prefix, secretFolder),
  };
}

export async function closeWorkshop({ watchdog, scratch }: Workshop): Promise<void> {
  await watchdog[Symbol.asyncDispose]();
  await scratch.close();
}
