/**
 * Layers unpacked once each, shared by every run and every process: `layers/<ids>/<diffId>/` holds the files in `fs`.
 * A layer that says less than all of itself (parents left to the layers below) is kept under the chainID instead.
 */
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { OcibuildError } from "../../errors.js";
import { chainIdOf, type DiffId, hexOf } from "../../oci/digest.js";
import { type ByteString, bytesOf } from "../../util/bytes.js";
import { bootId } from "../../util/process-owner.js";
import { SharedWork } from "../../util/shared-work.js";
import type { RunIO } from "../contract.js";
import type { IdSpace } from "./id-space.js";
import { LayerRewrite } from "./layer-rewrite.js";
import { markUsed } from "./mark-used.js";
import type { PreparedLayer, RootMeta } from "./prepared-layer.js";
import { RootView } from "./root-view.js";
import type { ScratchFolders } from "./scratch-folders.js";
import { unpackTar } from "./unpack-tar.js";

const FORMAT = 2;
const META = "layer.json";
const FILES = "fs";

/** What is known of an unpacked layer beside its files. */
interface LayerMeta {
  readonly format: number;
  readonly boot: string | null;
  /** One character for each byte. */
  readonly opaque: readonly string[];
  readonly hidden: readonly string[];
  readonly root: RootMeta | null;
}

export interface LayerStoreOptions {
  readonly stateDir: string;
  readonly executor: string;
  readonly space: IdSpace;
  readonly scratch: ScratchFolders;
}

export class LayerStore {
  readonly #folder: string;
  readonly #options: LayerStoreOptions;
  readonly #known = new SharedWork<PreparedLayer>();

  constructor(options: LayerStoreOptions) {
    this.#options = options;
    this.#folder = join(options.stateDir, "layers", options.space.key);
  }

  /** The layers `diffIds`, unpacked where they were not; base layer first. @throws EXECUTOR_FAILED, and what `io` throws */
  async prepare(diffIds: readonly DiffId[], io: Pick<RunIO, "openLayer" | "signal">): Promise<RootView> {
    const layers: PreparedLayer[] = [];
    for (let end = 1; end <= diffIds.length; end++) {
      const below = new RootView([...layers], this.#options.space.idInside);
      const diffId = diffIds[end - 1]!;
      const chain = hexOf(chainIdOf(diffIds.slice(0, end))!);
      // The chain names what is below, too; most layers do not depend on it, and are then found under their own name.
      layers.push(await this.#known.get(chain, io.signal, () => this.#prepareOne(diffId, chain, below, io)));
    }
    return new RootView(layers, this.#options.space.idInside);
  }

  async #prepareOne(
    diffId: DiffId,
    chain: string,
    below: RootView,
    io: Pick<RunIO, "openLayer" | "signal">,
  ): Promise<PreparedLayer> {
    const found = this.#take(hexOf(diffId)) ?? this.#take(chain);
    if (found !== undefined) return found;
    const { space, scratch } = this.#options;
    const folder = scratch.make();
    try {
      mkdirSync(join(folder, FILES), { mode: 0o755 });
      chmodSync(join(folder, FILES), 0o755);
      const rewrite = new LayerRewrite({ overlay: space.overlay, ids: space.ids, maxId: space.maxId, lower: below });
      const { executor } = this.#options;
      const unpacking = { executor, space, what: "a layer", signal: io.signal };
      await unpackTar(io.openLayer(diffId, { recycles: true }), rewrite, join(folder, FILES), unpacking);
      const meta: LayerMeta = {
        format: FORMAT,
        boot: bootId() ?? null,
        opaque: [...rewrite.opaque],
        hidden: [...rewrite.hidden],
        root: rewrite.root ?? null,
      };
      writeFileSync(join(folder, META), JSON.stringify(meta));
      const name = rewrite.isDependent ? chain : hexOf(diffId);
      this.#publish(folder, name);
      const published = this.#find(name);
      if (published !== undefined) return published;
      throw failed(this.#options.executor, `layer "${diffId}" is not there after it was unpacked`);
    } finally {
      await scratch.remove(folder);
    }
  }

  #publish(folder: string, name: string): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    try {
      renameSync(folder, join(this.#folder, name));
    } catch (error) {
      // Somebody else was quicker; theirs is as good.
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "ENOTEMPTY" && code !== "EEXIST") throw error;
    }
  }

  /** As `#find`, for what was there before: a new folder shows by itself when it was used. */
  #take(name: string): PreparedLayer | undefined {
    const found = this.#find(name);
    if (found !== undefined) markUsed(join(this.#folder, name));
    return found;
  }

  #find(name: string): PreparedLayer | undefined {
    const folder = join(this.#folder, name);
    let meta: LayerMeta;
    try {
      meta = JSON.parse(readFileSync(join(folder, META), "utf8")) as LayerMeta;
    } catch {
      return undefined;
    }
    // Nothing was synced to disk: after a power cut the files may be empty.
    if (meta.format !== FORMAT || meta.boot !== (bootId() ?? null)) {
      this.#options.scratch.discard(folder);
      return undefined;
    }
    return {
      folder: bytesOf(join(folder, FILES)),
      opaque: new Set(meta.opaque as ByteString[]),
      hidden: new Set(meta.hidden as ByteString[]),
      root: meta.root ?? undefined,
    };
  }
}

function failed(executor: string, message: string): OcibuildError {
  return new OcibuildError("EXECUTOR_FAILED", message, { details: { executor } });
}
