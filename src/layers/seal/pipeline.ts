/**
 * The way of a tar's bytes from the block they are read into to digests, compressor and sinks; bounded memory.
 *
 * A writer fills `block` from `position` and calls `advance` when it is full. Hashes run on the calling thread, compression on
 * Node's thread pool, several blocks at a time; what comes out depends neither on how many nor on how the block was filled.
 */
import { createHash, type Hash } from "node:crypto";
import type { BlockEncoder } from "../../compression/block-encoder.js";
import { assertCompression, type Compression } from "../../compression/compression.js";
import { GzipEncoder } from "../../compression/gzip-encoder.js";
import { ZstdEncoder } from "../../compression/zstd-encoder.js";
import { type DiffId, type Digest, digestFromHash } from "../../oci/digest.js";

/** Takes bytes at once; the chunk is reused after the call. An exception ends the writing. */
export interface ByteSink {
  write(chunk: Uint8Array): void;
}

export interface SealOptions {
  /** Of the blob; not looked at without `blobSink`. */
  readonly compression: Compression;
  /** Gets the uncompressed tar. */
  readonly tarSink?: ByteSink | undefined;
  /** Gets the blob; without it nothing is compressed. */
  readonly blobSink?: ByteSink | undefined;
  /** Told after each block how many bytes of the tar are done. */
  readonly onProgress?: ((tarBytes: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Blocks compressed at a time. Changes the speed and the memory, never the bytes. */
  readonly blocksInFlight?: number | undefined;
}

/** What is known of a tar and its blob once all bytes went through. */
export interface SealedTar {
  readonly diffId: DiffId;
  readonly tarSizeBytes: number;
  /** Of the bytes that `blobSink` got. */
  readonly blob: { readonly digest: Digest; readonly sizeBytes: number } | undefined;
}

interface PendingBlock {
  readonly block: Buffer;
  readonly length: number;
  readonly isLast: boolean;
  readonly encoded: Promise<Buffer> | undefined;
}

/** Part of the format: another size gives another blob (not another diffID). */
export const SEAL_BLOCK_BYTES: number = 1024 * 1024;
/** Node's pool has four threads; two more blocks keep them busy while this thread reads and hashes. */
const DEFAULT_BLOCKS_IN_FLIGHT = 6;

export class SealPipeline {
  /** Where the next bytes go; another one after each `advance`. */
  block: Buffer;
  /** First free byte of `block`. */
  position = 0;
  readonly #tarHash: Hash = createHash("sha256");
  readonly #blobHash: Hash | undefined;
  readonly #encoder: BlockEncoder | undefined;
  readonly #options: SealOptions;
  readonly #limit: number;
  readonly #pending: PendingBlock[] = [];
  readonly #free: Buffer[] = [];
  #tarBytes = 0;
  #blobBytes = 0;

  /** @throws COMPRESSION_UNSUPPORTED */
  constructor(options: SealOptions) {
    this.#options = options;
    this.#limit = Math.max(1, options.blocksInFlight ?? DEFAULT_BLOCKS_IN_FLIGHT);
    this.block = this.#takeBlock();
    if (options.blobSink === undefined || options.compression.kind === "uncompressed") return;
    assertCompression(options.compression);
    const { kind, level } = options.compression;
    this.#encoder = kind === "gzip" ? new GzipEncoder(level) : new ZstdEncoder(level);
    this.#blobHash = createHash("sha256");
    this.#emit(this.#encoder.start());
  }

  /** Bytes left in `block`; never 0 outside `advance`. */
  get room(): number {
    return SEAL_BLOCK_BYTES - this.position;
  }

  /** Of the tar: where `position` is. */
  get offset(): number {
    return this.#tarBytes + this.position;
  }

  /**
   * Passes on the full block. Resolves when the next may be filled; other work of the process gets its turn.
   * @throws the signal's reason, and what sinks and compressor throw
   */
  async advance(): Promise<void> {
    this.#submit(false);
    if (this.#pending.length >= this.#limit) await this.#emitOldest();
    // A block that was compressed already does not let signals and timers through by itself.
    await nextTurn();
    this.#options.signal?.throwIfAborted();
  }

  /** Writes `length` bytes from the start of `source`. */
  async put(source: Buffer, length: number): Promise<void> {
    let done = 0;
    while (done < length) {
      const step = Math.min(length - done, this.room);
      source.copy(this.block, this.position, done, done + step);
      this.position += step;
      done += step;
      if (this.room === 0) await this.advance();
    }
  }

  /** Passes on the rest, waits for everything and tells the digests. */
  async finish(): Promise<SealedTar> {
    this.#submit(true);
    while (this.#pending.length > 0) {
      await this.#emitOldest();
      this.#options.signal?.throwIfAborted();
    }
    if (this.#encoder !== undefined) this.#emit(this.#encoder.end());
    const diffId = digestFromHash<DiffId>(this.#tarHash.digest());
    return { diffId, tarSizeBytes: this.#tarBytes, blob: this.#sealedBlob(diffId) };
  }

  /** Waits until no other thread works on a block any more. For the way out after an error. */
  async abandon(): Promise<void> {
    await Promise.allSettled(this.#pending.map((pending) => pending.encoded));
    this.#pending.length = 0;
  }

  #sealedBlob(diffId: DiffId): SealedTar["blob"] {
    if (this.#options.blobSink === undefined) return undefined;
    if (this.#blobHash === undefined) return { digest: diffId as string as Digest, sizeBytes: this.#tarBytes };
    return { digest: digestFromHash<Digest>(this.#blobHash.digest()), sizeBytes: this.#blobBytes };
  }

  #submit(isLast: boolean): void {
    const { block, position: length } = this;
    const bytes = block.subarray(0, length);
    const { tarSink, blobSink, onProgress } = this.#options;
    if (length > 0) {
      this.#tarHash.update(bytes);
      tarSink?.write(bytes);
      this.#tarBytes += length;
      onProgress?.(this.#tarBytes);
    }
    this.position = 0;
    if (this.#encoder === undefined) {
      if (length > 0) blobSink?.write(bytes);
      return;
    }
    const encoded = this.#encoder.encode(bytes, isLast);
    // Whoever awaits it later sees the error; until then it must not count as unhandled.
    encoded?.catch(() => {});
    this.#pending.push({ block, length, isLast, encoded });
    this.block = this.#takeBlock();
  }

  async #emitOldest(): Promise<void> {
    const oldest = this.#pending[0];
    if (oldest === undefined) return;
    const { block, length, isLast, encoded } = oldest;
    this.#emit(
      encoded === undefined ? (this.#encoder as BlockEncoder).store(block.subarray(0, length), isLast) : await encoded,
    );
    this.#pending.shift();
    this.#free.push(block);
  }

  #emit(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#blobHash?.update(bytes);
    this.#blobBytes += bytes.length;
    this.#options.blobSink?.write(bytes);
  }

  #takeBlock(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(SEAL_BLOCK_BYTES);
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
