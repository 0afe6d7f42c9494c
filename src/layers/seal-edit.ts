/** Writes what an edit changed as a layer into the store: compressed when an output will want it so, else as a tar. */

import { type Compression, compressionSpec } from "../compression/compression.js";
import type { DiffId } from "../oci/digest.js";
import { layerMediaType } from "../oci/media-types.js";
import type { FsEdit } from "./fs-edit.js";
import { layerEntriesOf } from "./layer-entries.js";
import type { LayerEntry } from "./layer-entry.js";
import { type IndexedEntry, indexedEntry } from "./layer-index.js";
import type { RunContext } from "./run-context.js";
import { writeLayer } from "./seal/write-layer.js";
import { entryTime } from "./times.js";

export interface SealEditOptions {
  readonly compression: Compression | undefined;
  readonly onProgress?: (tarBytes: number) => void;
}

/**
 * The diffID of the layer that `edit` makes; the store then holds its index and its tar or blob.
 * @throws CONTEXT_CHANGED, LAYER_INVALID, STORE_UNUSABLE; the signal's reason
 */
export async function sealEdit(run: RunContext, edit: FsEdit, options: SealEditOptions): Promise<DiffId> {
  const { store, times, signal } = run;
  const { compression } = options;
  const file = compression === undefined ? store.layers.createTar() : store.blobs.create();
  const index: IndexedEntry[] = [];
  try {
    const entries = withDigests(
      layerEntriesOf(edit, (seconds) => entryTime(times, seconds)),
      index,
    );
    const sealed = await writeLayer(entries, {
      compression: compression ?? { kind: "uncompressed" },
      ...(compression === undefined ? { tarSink: file } : { blobSink: file }),
      onEntry: (entry, dataOffset) => index.push(indexedEntry(entry, dataOffset)),
      onProgress: options.onProgress,
      signal,
    });
    if (compression === undefined || sealed.blob === undefined) {
      await store.layers.publishTar(file, sealed.diffId);
    } else {
      const { digest, sizeBytes: size } = sealed.blob;
      await store.blobs.publish(file, digest);
      const mediaType = layerMediaType({ family: "oci", compression: compression.kind, foreign: false });
      store.layers.rememberCompressed(sealed.diffId, compressionSpec(compression), { mediaType, digest, size });
    }
    run.layers.addIndex(sealed.diffId, index);
    return sealed.diffId;
  } finally {
    file.discard();
  }
}

/** Puts each file's digest into the index as well: reading it later for a cache key then costs nothing. */
function* withDigests(entries: Iterable<LayerEntry>, index: IndexedEntry[]): Generator<LayerEntry> {
  for (const layerEntry of entries) {
    if (layerEntry.open === undefined) {
      yield layerEntry;
      continue;
    }
    yield {
      ...layerEntry,
      onContentDigest: (sha256) => {
        const entry = index[index.length - 1]!;
        index[index.length - 1] = indexedEntry(entry, entry.dataOffset, sha256);
        layerEntry.onContentDigest?.(sha256);
      },
    };
  }
}
