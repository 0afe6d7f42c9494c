/** Layer entries with content in memory, and sinks that keep what they get. */
import type { LayerEntry } from "../../../src/layers/layer-entry.js";
import type { ByteSink } from "../../../src/layers/seal/pipeline.js";
import type { TarEntry } from "../../../src/tar/entry.js";
import type { ContentReader } from "../../../src/tree/file-tree.js";

export interface MemoryReader extends ContentReader {
  readonly closedTimes: number;
}

/** Reads `content`, at most `step` bytes at a time. */
export function memoryReader(content: Buffer, step: number = Number.POSITIVE_INFINITY): MemoryReader {
  let at = 0;
  let closedTimes = 0;
  return {
    read(target, offset, length) {
      const count = content.copy(target, offset, at, at + Math.min(length, step));
      at += count;
      return count;
    },
    close() {
      closedTimes++;
    },
    get closedTimes() {
      return closedTimes;
    },
  };
}

export function layerEntry(entry: TarEntry, content?: Buffer, step?: number): LayerEntry {
  return {
    entry,
    open: content === undefined ? undefined : () => memoryReader(content, step),
    onContentDigest: undefined,
  };
}

export class MemorySink implements ByteSink {
  readonly #chunks: Buffer[] = [];

  write(chunk: Uint8Array): void {
    this.#chunks.push(Buffer.from(chunk));
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}
