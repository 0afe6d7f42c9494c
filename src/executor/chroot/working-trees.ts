/**
 * Copies of root file systems that commands work in. What a command leaves is not thrown away: the next command mostly
 * begins with it, and what it changed is known, so making the next file system of it is quicker than copying all again.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { DiffId } from "../../oci/digest.js";
import { ROOT } from "../../tree/paths.js";
import { type ByteString, bytesOf } from "../../util/bytes.js";
import type { RunIO } from "../contract.js";
import type { LayerStore } from "../kit/layer-store.js";
import type { RootView } from "../kit/root-view.js";
import type { ScratchFolders } from "../kit/scratch-folders.js";
import { addTouched, type LayerCopy } from "./layer-copy.js";

export interface WorkingTree {
  /** Absolute path of the root file system. */
  readonly root: ByteString;
  /** The same as its layers show it. */
  readonly view: RootView;
  readonly layers: readonly DiffId[];
  readonly folder: string;
}

interface IdleTree extends WorkingTree {
  /** What is not as the layers have it. */
  readonly dirty: ReadonlySet<ByteString>;
}

/** Each takes the disk space of an image. */
const MAX_IDLE = 2;

export class WorkingTrees {
  readonly #layers: LayerStore;
  readonly #scratch: ScratchFolders;
  readonly #copy: LayerCopy;
  /** Least recently used first. */
  readonly #idle: IdleTree[] = [];

  constructor(layers: LayerStore, scratch: ScratchFolders, copy: LayerCopy) {
    this.#layers = layers;
    this.#scratch = scratch;
    this.#copy = copy;
  }

  /** A tree with what `layers` show, for the caller alone until it is given back. @throws EXECUTOR_FAILED, what `io` throws */
  async take(layers: readonly DiffId[], io: RunIO): Promise<WorkingTree> {
    const view = await this.#layers.prepare(layers, io);
    const idle = this.#nearest(layers);
    const folder = idle?.folder ?? this.#scratch.make();
    const root = idle?.root ?? bytesOf(join(folder, "root"));
    try {
      const copied = { view, from: ROOT, to: root };
      if (idle === undefined) {
        mkdirSync(join(folder, "root"), { mode: 0o755 });
        await this.#copy.fill(copied, io.signal);
      } else {
        const paths = new Set(idle.dirty).add(ROOT);
        for (const layer of view.layers.slice(idle.layers.length)) addTouched(paths, layer, copied);
        await this.#copy.repair(copied, paths, io.signal);
      }
      return { root, view, layers, folder };
    } catch (error) {
      await this.#scratch.remove(folder);
      throw error;
    }
  }

  /** Takes the tree back, in which nothing differs from its layers but `dirty`. */
  giveBack(tree: WorkingTree, dirty: ReadonlySet<ByteString>): void {
    this.#idle.push({ ...tree, dirty });
    if (this.#idle.length > MAX_IDLE) this.discard(this.#idle.shift()!);
  }

  /** Removes a tree of which nobody knows what is in it. */
  discard({ folder }: WorkingTree): void {
    this.#scratch.discard(folder);
  }

  /** The idle tree with the most of `layers` and no others. */
  #nearest(layers: readonly DiffId[]): IdleTree | undefined {
    let best = -1;
    this.#idle.forEach((tree, at) => {
      const isBelow = tree.layers.every((diffId, index) => diffId === layers[index]);
      if (isBelow && tree.layers.length >= (this.#idle[best]?.layers.length ?? 0)) best = at;
    });
    return best === -1 ? undefined : this.#idle.splice(best, 1)[0];
  }
}
