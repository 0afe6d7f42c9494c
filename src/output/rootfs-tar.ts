/** The flattened root file system as a tar, with ownership and times as in the image. Several platforms: a folder each. */
import type { LayerEntry } from "../layers/layer-entry.js";
import type { Abortable, BlobReader } from "../oci/blobs.js";
import { encodeHeader, headerSizeBound, paddingOf } from "../tar/header.js";
import type { BuildResult, Exporter, ExportResult } from "./exporter.js";
import { imageContent } from "./image-content.js";
import { type Destination, destinationName, writeDestination } from "./output-file.js";
import { folderEntry, placedEntry, type RootfsOptions, type RootfsPart, rootfsParts } from "./rootfs-parts.js";

const CHUNK_BYTES = 1024 * 1024;
/** Two zero blocks end an archive. */
const END_BYTES = 1024;

/** Writes one tar. */
export function rootfsTar(destination: Destination, rootfsOptions: RootfsOptions = {}): Exporter {
  const path = destinationName(destination);
  return {
    name: `exporting root file system to "${path}"`,
    async export(result: BuildResult, _blobs: BlobReader, options: Abortable = {}): Promise<ExportResult> {
      const parts = rootfsParts(result, path, rootfsOptions);
      await writeDestination(destination, tarChunks(parts, rootfsOptions), options);
      return { descriptor: imageContent(result).root.descriptor, names: [], path, warnings: [] };
    },
  };
}

/** Chunks of at most 1 MiB (more for a giant header), each a buffer of its own. */
async function* tarChunks(
  parts: readonly RootfsPart[],
  options: RootfsOptions,
): AsyncGenerator<Buffer, void, undefined> {
  const blocks = new Blocks();
  for (const { folder, entries } of parts) {
    if (folder !== "") yield* blocks.header({ entry: folderEntry(folder, options.epochSeconds ?? 0), ...NO_CONTENT });
    for (const layerEntry of entries()) {
      if (layerEntry.entry.path === "") continue;
      const placed = { ...layerEntry, entry: placedEntry(layerEntry.entry, folder, options) };
      yield* blocks.header(placed);
      yield* blocks.content(placed);
    }
  }
  yield* blocks.end();
}

const NO_CONTENT = { open: undefined, onContentDigest: undefined } as const;

/** Collects small pieces into large chunks. */
class Blocks {
  #block = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  #used = 0;

  *header({ entry }: LayerEntry): Generator<Buffer, void, undefined> {
    yield* this.#room(headerSizeBound(entry));
    this.#used += encodeHeader(entry, this.#block, this.#used);
  }

  *content({ entry, open }: LayerEntry): Generator<Buffer, void, undefined> {
    if (entry.type !== "file" || entry.size === 0 || open === undefined) return;
    const reader = open();
    try {
      for (let left = entry.size; left > 0; ) {
        if (this.#used === this.#block.length) yield* this.#room(1);
        const read = reader.read(this.#block, this.#used, Math.min(left, this.#block.length - this.#used));
        if (read === 0) throw new Error(`"${entry.path}" is shorter than its entry says`);
        this.#used += read;
        left -= read;
      }
    } finally {
      reader.close();
    }
    const padding = paddingOf(entry.size);
    yield* this.#room(padding);
    this.#block.fill(0, this.#used, this.#used + padding);
    this.#used += padding;
  }

  *end(): Generator<Buffer, void, undefined> {
    yield this.#block.subarray(0, this.#used);
    yield Buffer.alloc(END_BYTES);
  }

  /** Makes room for `bytes`, giving out the block when it has none. */
  *#room(bytes: number): Generator<Buffer, void, undefined> {
    if (this.#used + bytes <= this.#block.length) return;
    if (this.#used > 0) yield this.#block.subarray(0, this.#used);
    this.#block = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, bytes));
    this.#used = 0;
  }
}
