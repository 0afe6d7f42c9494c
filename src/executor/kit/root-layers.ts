/**
 * Layers of the image as the engine gets them: rewritten so that nobody who unpacks them can be led astray (U1–U8), with
 * an index of their names that stays here. The rewritten tar is on disk only until the engine has it.
 */
import { createHash } from "node:crypto";
import { createReadStream, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { chainIdOf, type DiffId, digestFromHash, hexOf } from "../../oci/digest.js";
import type { ByteString } from "../../util/bytes.js";
import { SharedWork } from "../../util/shared-work.js";
import type { RootFiles, RunIO } from "../contract.js";
import { decodeIndex, encodeIndex, IndexBuilder, IndexView, type LayerIndex } from "./layer-index.js";
import { LayerRewrite } from "./layer-rewrite.js";
import type { ScratchFolders } from "./scratch-folders.js";
import { type EngineLayer, memoryLayer } from "./tar-parts.js";
import { rewriteTar, type TarRewrite } from "./tar-rewriter.js";

/** A file system, ready for the engine. */
export interface PreparedRoot {
  readonly view: IndexView;
  readonly layers: readonly EngineLayer[];
}

type LayerSource = Pick<RunIO, "openLayer" | "signal">;

const MAX_ID = 2 ** 32 - 2;
const CHUNK_BYTES = 1024 * 1024;
const LAYER = "layer.tar";

export class RootLayers {
  readonly #folder: string;
  readonly #keptIn: string | undefined;
  readonly #scratch: ScratchFolders;
  readonly #known = new SharedWork<LayerIndex>();
  /** Rewritten tars that no engine has taken yet, by the diffID they have now. */
  readonly #spooled = new Map<DiffId, string>();

  /** `keptIn` is where rewritten tars stay, named by their diffIDs; without it they go when an engine has them. */
  constructor(stateDir: string, scratch: ScratchFolders, keptIn?: string) {
    this.#keptIn = keptIn;
    this.#folder = join(stateDir, "indexes");
    this.#scratch = scratch;
  }

  /** @throws what `io` throws, LAYER_INVALID */
  async prepare({ layers: diffIds }: RootFiles, io: LayerSource): Promise<PreparedRoot> {
    const indexes: LayerIndex[] = [];
    const layers: EngineLayer[] = [];
    for (let end = 1; end <= diffIds.length; end++) {
      const diffId = diffIds[end - 1]!;
      const below = new IndexView([...indexes]);
      const chain = hexOf(chainIdOf(diffIds.slice(0, end))!);
      const index = await this.#known.get(chain, io.signal, async () => {
        const found = this.#find(hexOf(diffId)) ?? this.#find(chain);
        if (found !== undefined && this.#isKept(found)) return found;
        return this.#rewrite(diffId, chain, below, io);
      });
      indexes.push(index);
      layers.push({
        diffId: index.diffId,
        sizeBytes: index.sizeBytes,
        open: () => this.#open(index.diffId, diffId, chain, below, io),
      });
    }
    // No engine has a name for no layer at all.
    if (layers.length === 0) layers.push(memoryLayer(Buffer.alloc(1024)));
    return { view: new IndexView(indexes), layers };
  }

  /** Removes the rewritten tars of layers that an engine has by now. */
  async release(layers: readonly EngineLayer[]): Promise<void> {
    for (const { diffId } of layers) {
      const folder = this.#spooled.get(diffId);
      if (folder === undefined) continue;
      this.#spooled.delete(diffId);
      await this.#scratch.remove(folder);
    }
  }

  async *#open(
    rewritten: DiffId,
    diffId: DiffId,
    chain: string,
    below: IndexView,
    io: LayerSource,
  ): AsyncGenerator<Buffer, void, undefined> {
    if (this.#keptIn !== undefined) {
      yield* readFile(join(this.#keptIn, hexOf(rewritten)));
      return;
    }
    // The index was there, the engine's layer is not any more.
    if (!this.#spooled.has(rewritten)) await this.#rewrite(diffId, chain, below, io);
    const folder = this.#spooled.get(rewritten);
    if (folder === undefined) throw new Error(`layer ${diffId} was rewritten to something else than before`);
    yield* readFile(join(folder, LAYER));
  }

  async #rewrite(diffId: DiffId, chain: string, below: IndexView, io: LayerSource): Promise<LayerIndex> {
    const rewrite = new LayerRewrite({ overlay: "oci", ids: "all", maxId: MAX_ID, lower: below });
    const builder = new IndexBuilder();
    const folder = this.#scratch.make();
    try {
      const path = join(folder, LAYER);
      let written = await writeHashed(path, rewriteTar(io.openLayer(diffId), recorded(rewrite, builder)));
      if (builder.repeated.size > 0) {
        const first = join(folder, "first.tar");
        renameSync(path, first);
        written = await writeHashed(path, rewriteTar(readFile(first), lastOf(builder.repeated)));
        rmSync(first);
      }
      const index: LayerIndex = {
        ...written,
        files: builder.files,
        hidden: new Set(rewrite.hidden),
        opaque: rewrite.opaque,
      };
      this.#store(rewrite.isDependent ? chain : hexOf(diffId), index);
      const before = this.#spooled.get(index.diffId);
      if (this.#keptIn !== undefined) {
        renameSync(path, join(this.#keptIn, hexOf(index.diffId)));
        await this.#scratch.remove(folder);
      } else if (before === undefined) this.#spooled.set(index.diffId, folder);
      else await this.#scratch.remove(folder);
      return index;
    } catch (error) {
      await this.#scratch.remove(folder);
      throw error;
    }
  }

  #isKept({ diffId, sizeBytes }: LayerIndex): boolean {
    if (this.#keptIn === undefined) return true;
    return statSync(join(this.#keptIn, hexOf(diffId)), { throwIfNoEntry: false })?.size === sizeBytes;
  }

  #store(name: string, index: LayerIndex): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const folder = this.#scratch.make();
    writeFileSync(join(folder, "index"), encodeIndex(index));
    renameSync(join(folder, "index"), join(this.#folder, name));
    void this.#scratch.remove(folder);
  }

  #find(name: string): LayerIndex | undefined {
    try {
      return decodeIndex(readFileSync(join(this.#folder, name), "utf8"));
    } catch {
      return undefined;
    }
  }
}

async function writeHashed(
  path: string,
  chunks: AsyncIterable<Buffer>,
): Promise<{ readonly diffId: DiffId; readonly sizeBytes: number }> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  const file = await open(path, "wx", 0o600);
  try {
    for await (const chunk of chunks) {
      hash.update(chunk);
      sizeBytes += chunk.length;
      await file.writeFile(chunk);
    }
  } finally {
    await file.close();
  }
  return { diffId: digestFromHash<DiffId>(hash.digest()), sizeBytes };
}

async function* readFile(path: string): AsyncGenerator<Buffer, void, undefined> {
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) yield chunk as Buffer;
}

/** Of paths that come more than once only the last: Docker refuses layers that say a thing twice. */
function lastOf(repeated: ReadonlyMap<ByteString, number>): TarRewrite {
  const left = new Map(repeated);
  return {
    entry(entry, output) {
      const count = left.get(entry.path) ?? 1;
      left.set(entry.path, count - 1);
      if (count > 1) return;
      output.emit(entry);
      if (entry.size > 0) output.keepContent();
    },
  };
}

/** `rewrite`, with what comes out of it told to `builder`. */
function recorded(rewrite: LayerRewrite, builder: IndexBuilder): TarRewrite {
  const through = (output: Parameters<TarRewrite["entry"]>[1]): Parameters<TarRewrite["entry"]>[1] => ({
    emit: (entry) => {
      builder.add(entry);
      output.emit(entry);
    },
    keepContent: () => output.keepContent(),
  });
  return {
    entry: (entry, output) => rewrite.entry(entry, through(output)),
    end: (output) => rewrite.end(through(output)),
  };
}
