/** Content of one file → the pipeline's block, exactly as many bytes as its header says, and its digest on the way. */
import { createHash, hash } from "node:crypto";
import { OcibuildError } from "../../errors.js";
import type { ContentReader } from "../../tree/file-tree.js";
import { textOf } from "../../util/bytes.js";
import type { LayerEntry } from "../layer-entry.js";
import { SEAL_BLOCK_BYTES, type SealPipeline } from "./pipeline.js";

/** The digest of a file without content; `undefined` for what is no file. */
export function emptyDigest({ entry }: LayerEntry): Buffer | undefined {
  return entry.type === "file" ? hash("sha256", "", "buffer") : undefined;
}

/**
 * Copies a file that, with its padding (`padded` bytes), leaves room in the block. The way of almost every file: no promise.
 * @returns the sha256 of its content
 * @throws LAYER_INVALID, CONTEXT_CHANGED
 */
export function copySmall(layerEntry: LayerEntry, pipeline: SealPipeline, padded: number): Buffer {
  const { size } = layerEntry.entry;
  const { block, position } = pipeline;
  const source = new ExactReader(layerEntry);
  try {
    while (source.left > 0) source.read(block, position + size - source.left, block.length);
    source.finish();
  } catch (error) {
    source.abandon();
    throw error;
  }
  block.fill(0, position + size, position + padded);
  pipeline.position = position + padded;
  return hash("sha256", block.subarray(position, position + size), "buffer");
}

/**
 * Copies a file that fills the block or more.
 * @returns the sha256 of its content
 * @throws LAYER_INVALID, CONTEXT_CHANGED, and what `advance` throws
 */
export async function copyLarge(layerEntry: LayerEntry, pipeline: SealPipeline, padded: number): Promise<Buffer> {
  const digest = createHash("sha256");
  const source = new ExactReader(layerEntry);
  try {
    while (source.left > 0) {
      const start = pipeline.position;
      let end = start;
      while (source.left > 0 && end < SEAL_BLOCK_BYTES) end += source.read(pipeline.block, end, SEAL_BLOCK_BYTES);
      digest.update(pipeline.block.subarray(start, end));
      pipeline.position = end;
      if (pipeline.room === 0) await pipeline.advance();
    }
    source.finish();
  } catch (error) {
    source.abandon();
    throw error;
  }
  const padding = padded - layerEntry.entry.size;
  if (padding > 0) await pipeline.put(ZEROS, padding);
  return digest.digest();
}

const ZEROS = Buffer.alloc(512);
const PROBE = Buffer.alloc(1);

/** Reads exactly `entry.size` bytes or fails. Asks for one byte more where there is room, which costs no further call. */
class ExactReader {
  left: number;
  readonly #layerEntry: LayerEntry;
  readonly #reader: ContentReader;
  #isClosed = false;
  /** Whether the last answer was shorter than the question although it could not know the size: the reader is at its end. */
  #sawEnd = false;
  #isShortReader = false;

  constructor(layerEntry: LayerEntry) {
    this.#layerEntry = layerEntry;
    this.left = layerEntry.entry.size;
    if (layerEntry.open === undefined) throw mismatch(layerEntry, "no content");
    this.#reader = layerEntry.open();
  }

  /** Reads into `target` from `offset`, at most to `end`; returns how many bytes of the content it got, at least one. */
  read(target: Buffer, offset: number, end: number): number {
    const asked = Math.min(this.left + 1, end - offset);
    const got = this.#reader.read(target, offset, asked);
    if (got <= 0) throw mismatch(this.#layerEntry, `${this.#layerEntry.entry.size - this.left} bytes`);
    if (got > this.left) throw mismatch(this.#layerEntry, "more");
    this.left -= got;
    if (this.left > 0) this.#isShortReader ||= got < asked;
    else this.#sawEnd = asked > got && !this.#isShortReader;
    return got;
  }

  /** Closes the reader after making sure that it is at its end. */
  finish(): void {
    if (!this.#sawEnd && this.#reader.read(PROBE, 0, 1) > 0) throw mismatch(this.#layerEntry, "more");
    this.#isClosed = true;
    this.#reader.close();
  }

  /** Closes the reader; the error that led here stands. */
  abandon(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      this.#reader.close();
    } catch {
      // A changed or vanished file is what the first error is about.
    }
  }
}

function mismatch({ entry }: LayerEntry, got: string): OcibuildError {
  const path = textOf(entry.path);
  return new OcibuildError(
    "LAYER_INVALID",
    `content of ${JSON.stringify(`/${path}`)} expected ${entry.size} bytes but got ${got}`,
    { details: { path }, hint: "The file may have changed while it was read; build again." },
  );
}
