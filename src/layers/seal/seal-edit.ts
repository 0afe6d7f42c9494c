/** Writes what an edit changed as a layer into the store: compressed when an output will want it so, else as a tar. */

import { type Compression, compressionSpec } from "../../compression/compression.js";
import type { DiffId } from "../../oci/digest.js";
import { layerMediaType } from "../../oci/media-types.js";
import type { FsEdit } from "../fs/fs-edit.js";
import { comparedContents, layerEntriesOf } from "../fs/layer-entries.js";
import { LayerIndexWriter } from "../layer-index.js";
import type { RunContext } from "../run-context.js";
import { entryTime } from "../times.js";
import { writeLayer } from "./write-layer.js";

/** What of a run sealing takes. */
export type SealContext = Pick<RunContext, "store" | "layers" | "times" | "signal" | "onSealed" | "compressLater">;

export interface SealEditOptions {
  readonly compression: Compression | undefined;
  /** A command runs on top of the layer: it wants the tar, and does not wait for the blob. */
  readonly isRunOn?: boolean;
  readonly onProgress?: (tarBytes: number) => void;
}

/**
 * The diffID of the layer that `edit` makes; the store then holds its index, and its tar or its blob.
 * @throws CONTEXT_CHANGED, LAYER_INVALID, STORE_UNUSABLE; the signal's reason
 */
export async function sealEdit(run: SealContext, edit: FsEdit, options: SealEditOptions): Promise<DiffId> {
  const { store, times, signal } = run;
  const { isRunOn = false } = options;
  const compression = isRunOn ? undefined : options.compression;
  const timeOf = (seconds: number): number => entryTime(times, seconds);
  await run.layers.prepareContents(comparedContents(edit, timeOf), run);
  const tar = compression === undefined ? store.layers.createTar() : undefined;
  const blob = compression === undefined ? undefined : store.blobs.create();
  const index = new LayerIndexWriter();
  try {
    const sealed = await writeLayer(layerEntriesOf(edit, timeOf), {
      compression: compression ?? { kind: "uncompressed" },
      tarSink: tar,
      blobSink: blob,
      // With each file's digest: reading it later for a cache key then costs nothing.
      onEntry: (entry, dataOffset, digest) => index.add(entry, dataOffset, digest),
      onProgress: options.onProgress,
      signal,
    });
    if (tar !== undefined) await store.layers.publishTar(tar, sealed.diffId);
    if (blob !== undefined && compression !== undefined && sealed.blob !== undefined) {
      const { digest, sizeBytes: size } = sealed.blob;
      await store.blobs.publish(blob, digest);
      const mediaType = layerMediaType({ family: "oci", compression: compression.kind, foreign: false });
      const descriptor = { mediaType, digest, size };
      store.layers.rememberCompressed(sealed.diffId, compressionSpec(compression), descriptor);
      run.onSealed?.(descriptor);
    }
    run.layers.addIndex(sealed.diffId, index.finish());
    if (isRunOn && options.compression !== undefined) run.compressLater?.(sealed.diffId);
    return sealed.diffId;
  } finally {
    tar?.discard();
    blob?.discard();
  }
}
