/**
 * The one writer of layers: entries → tar → diffID, compressor → digest → sinks, in one pass and in bounded memory.
 *
 * Files are read synchronously, straight into the block that is hashed and compressed; there is neither a stream nor a
 * promise per file. See docs/decisions/0002-own-tar-codec-for-layers.md. @spec layer.md
 */
import type { TarEntry } from "../../tar/entry.js";
import { BLOCK_BYTES, encodeHeader, headerSizeBound, paddingOf } from "../../tar/header.js";
import type { LayerEntry } from "../layer-entry.js";
import { copyLarge, copySmall, emptyDigest } from "./copy-content.js";
import { type SealedTar, type SealOptions, SealPipeline } from "./pipeline.js";

export interface WriteLayerOptions extends SealOptions {
  /**
   * Told of each entry when it is written: where its content begins in the tar and, of files, the sha256 of the content,
   * whose bytes must be copied by who keeps many.
   */
  readonly onEntry?: ((entry: TarEntry, dataOffset: number, contentDigest: Buffer | undefined) => void) | undefined;
}

export interface SealedLayer extends SealedTar {
  readonly entryCount: number;
}

/** Two zero blocks end an archive. */
const END = Buffer.alloc(2 * BLOCK_BYTES);

/**
 * Writes the layer tar of `entries`, in their order. Resolves when the sinks have every byte. After an error or an abort
 * nothing works on in the background, every reader is closed, `entries` is closed too, and what the sinks got is void.
 * @throws LAYER_INVALID when an entry has no form in a tar or its content is not as long as its size;
 * COMPRESSION_UNSUPPORTED; the signal's reason; whatever readers and sinks throw
 */
export async function writeLayer(entries: Iterable<LayerEntry>, options: WriteLayerOptions): Promise<SealedLayer> {
  const { onEntry, signal } = options;
  signal?.throwIfAborted();
  const pipeline = new SealPipeline(options);
  let scratch = Buffer.allocUnsafeSlow(16 * BLOCK_BYTES);
  let entryCount = 0;
  try {
    for (const layerEntry of entries) {
      const { entry } = layerEntry;
      const bound = headerSizeBound(entry);
      if (pipeline.room > bound) {
        pipeline.position += encodeHeader(entry, pipeline.block, pipeline.position);
      } else {
        if (scratch.length < bound) scratch = Buffer.allocUnsafeSlow(bound);
        await pipeline.put(scratch, encodeHeader(entry, scratch, 0));
      }
      const dataOffset = pipeline.offset;
      entryCount++;
      let digest: Buffer | undefined;
      if (entry.size > 0) {
        const padded = entry.size + paddingOf(entry.size);
        digest =
          padded < pipeline.room
            ? copySmall(layerEntry, pipeline, padded)
            : await copyLarge(layerEntry, pipeline, padded);
      } else {
        digest = emptyDigest(layerEntry);
      }
      if (digest !== undefined) layerEntry.onContentDigest?.(digest);
      onEntry?.(entry, dataOffset, digest);
    }
    await pipeline.put(END, END.length);
    return { ...(await pipeline.finish()), entryCount };
  } catch (error) {
    await pipeline.abandon();
    throw error;
  }
}
