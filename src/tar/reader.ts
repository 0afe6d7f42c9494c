/**
 * Reads a tar from chunks of any size: entries and, if wanted, their content, in bounded memory.
 *
 * One precedence (PAX, GNU, ustar) serves names, the content's length and the skip over it alike. Where readers are known to
 * differ we side with Go's `archive/tar`, which is what pulls and runs images, or refuse the archive; see
 * docs/decisions/0002-own-tar-codec-for-layers.md.
 */
import { OcibuildError } from "../errors.js";
import type { TarEntry } from "./entry.js";
import { hasValidChecksum, isZero, readName, readNumber } from "./fields.js";
import { BLOCK_BYTES, paddingOf } from "./header.js";
import { METADATA_BYTES_PER_ENTRY, TAR_LIMITS, type TarLimits } from "./limits.js";
import type { EscapingNames } from "./names.js";
import { parsePaxRecords } from "./pax.js";
import {
  assertGlobalRecords,
  type EntryRules,
  type ExtendedHeaders,
  NO_EXTENDED_HEADERS,
  readEntry,
} from "./read-entry.js";

/** Told what is in the archive, in its order, synchronously from within `write`. */
export interface TarHandler {
  /** A new entry; its content (`entry.size` bytes) starts at `dataOffset` of the archive, also when there is none. */
  entry(entry: TarEntry, dataOffset: number): void;
  /** The next bytes of that entry's content; valid only during the call. */
  data?(chunk: Buffer): void;
  /** That entry's content is complete. */
  end?(): void;
}

/** What the bytes at the reader's position are. */
type State = "header" | "meta" | "content" | "padding" | "tail";

const TYPE_PAX = 0x78; // x
const TYPE_PAX_GLOBAL = 0x67; // g
const TYPE_GNU_NAME = 0x4c; // L
const TYPE_GNU_LINK = 0x4b; // K

export class TarReader {
  readonly #handler: TarHandler;
  readonly #limits: TarLimits;
  readonly #rules: EntryRules;
  readonly #block: Buffer = Buffer.alloc(BLOCK_BYTES);
  #held = 0;
  #state: State = "header";
  /** Of the archive: where the chunk in hand begins. */
  #chunkOffset = 0;
  /** Bytes left of the meta data, content or padding in hand. */
  #left = 0;
  #padding = 0;
  #meta: Buffer | undefined;
  #metaFilled = 0;
  #metaType = 0;
  #metaOffset = 0;
  #extended: ExtendedHeaders = NO_EXTENDED_HEADERS;
  #zeroBlocks = 0;
  #entryCount = 0;
  #metadataBytes = 0;

  constructor(handler: TarHandler, limits: TarLimits = TAR_LIMITS, escapingNames: EscapingNames = "refuse") {
    this.#handler = handler;
    this.#limits = limits;
    this.#rules = { limits, escapingNames };
  }

  /** Bytes written so far. */
  get sizeBytes(): number {
    return this.#chunkOffset;
  }

  /**
   * Reads the next bytes. Nothing of `chunk` is kept. After an error the reader must not be used again.
   * @throws TAR_INVALID, TAR_LIMIT, TAR_UNSUPPORTED, and whatever the handler throws
   */
  write(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      switch (this.#state) {
        case "header":
          at = this.#takeHeader(chunk, at);
          break;
        case "meta":
          at = this.#takeMeta(chunk, at);
          break;
        case "content":
          at = this.#takeContent(chunk, at);
          break;
        case "padding": {
          const length = Math.min(this.#left, chunk.length - at);
          this.#left -= length;
          at += length;
          if (this.#left === 0) this.#state = "header";
          break;
        }
        case "tail":
          at = chunk.length;
          break;
        default:
          this.#state satisfies never;
      }
    }
    this.#chunkOffset += chunk.length;
  }

  /**
   * Must be called after the last chunk. An archive may end without its two zero blocks, but only between entries.
   * @throws TAR_INVALID when the archive is cut off
   */
  end(): void {
    if (this.#state === "tail") return;
    if (this.#state === "header" && this.#held === 0 && this.#extended === NO_EXTENDED_HEADERS) return;
    const missing = { header: "a header", meta: "an extended header", content: "a file", padding: "a file's padding" };
    throw invalid(`ends within ${missing[this.#state]}`, this.#chunkOffset);
  }

  #takeHeader(chunk: Buffer, at: number): number {
    if (this.#held === 0 && chunk.length - at >= BLOCK_BYTES) {
      this.#readHeader(chunk, at, this.#chunkOffset + at);
      return at + BLOCK_BYTES;
    }
    const length = Math.min(BLOCK_BYTES - this.#held, chunk.length - at);
    chunk.copy(this.#block, this.#held, at, at + length);
    this.#held += length;
    if (this.#held === BLOCK_BYTES) {
      this.#held = 0;
      this.#readHeader(this.#block, 0, this.#chunkOffset + at + length - BLOCK_BYTES);
    }
    return at + length;
  }

  #readHeader(block: Buffer, at: number, offset: number): void {
    if (block[at] === 0 && isZero(block, at, BLOCK_BYTES)) {
      this.#zeroBlocks++;
      if (this.#zeroBlocks === 2) this.#state = "tail";
      if (this.#extended !== NO_EXTENDED_HEADERS) throw invalid("has an extended header without an entry", offset);
      return;
    }
    if (this.#zeroBlocks > 0) throw invalid("goes on after a zero block", offset);
    if (!hasValidChecksum(block, at)) throw invalid("has a header with a wrong checksum", offset);
    const type = block[at + 156] as number;
    if (type === TYPE_PAX || type === TYPE_PAX_GLOBAL || type === TYPE_GNU_NAME || type === TYPE_GNU_LINK) {
      this.#beginMeta(type, readNumber(block, at + 124, 12), offset);
      return;
    }
    this.#entryCount++;
    if (this.#entryCount > this.#limits.entries) throw overLimit("entries", this.#limits.entries);
    const entry = readEntry(block, at, this.#extended, offset, this.#rules);
    this.#extended = NO_EXTENDED_HEADERS;
    this.#countMetadata(entry);
    this.#handler.entry(entry, offset + BLOCK_BYTES);
    this.#left = entry.size;
    this.#padding = paddingOf(entry.size);
    if (entry.size === 0) this.#handler.end?.();
    else this.#state = "content";
  }

  #countMetadata({ path, linkname, xattrs }: TarEntry): void {
    let bytes = path.length + linkname.length;
    if (xattrs !== undefined) for (const [name, value] of xattrs) bytes += name.length + value.length;
    this.#metadataBytes += Math.max(0, bytes - METADATA_BYTES_PER_ENTRY);
    if (this.#metadataBytes > this.#limits.metadataBytes) throw overLimit("metadataBytes", this.#limits.metadataBytes);
  }

  #beginMeta(type: number, size: number | undefined, offset: number): void {
    const isName = type === TYPE_GNU_NAME || type === TYPE_GNU_LINK;
    // A GNU long name counts its final NUL.
    const limit = isName ? this.#limits.nameBytes + 1 : this.#limits.extendedHeaderBytes;
    if (size === undefined || size < 0) throw invalid("has an extended header without a valid size", offset);
    if (size > limit) throw overLimit(isName ? "nameBytes" : "extendedHeaderBytes", limit);
    this.#meta = Buffer.allocUnsafe(size);
    this.#metaFilled = 0;
    this.#metaType = type;
    this.#left = size;
    this.#padding = paddingOf(size);
    this.#metaOffset = offset;
    if (size === 0) this.#finishMeta();
    else this.#state = "meta";
  }

  #takeMeta(chunk: Buffer, at: number): number {
    const length = Math.min(this.#left, chunk.length - at);
    chunk.copy(this.#meta as Buffer, this.#metaFilled, at, at + length);
    this.#metaFilled += length;
    this.#left -= length;
    if (this.#left === 0) this.#finishMeta();
    return at + length;
  }

  #finishMeta(): void {
    const offset = this.#metaOffset;
    const meta = this.#meta as Buffer;
    this.#meta = undefined;
    switch (this.#metaType) {
      case TYPE_GNU_NAME:
        this.#extended = { ...this.#extended, gnuName: readName(meta, 0, meta.length) };
        break;
      case TYPE_GNU_LINK:
        this.#extended = { ...this.#extended, gnuLink: readName(meta, 0, meta.length) };
        break;
      default: {
        const records = parsePaxRecords(meta);
        if (typeof records === "string") throw invalid(`has a malformed extended header (${records})`, offset);
        if (this.#metaType === TYPE_PAX) this.#extended = { ...this.#extended, pax: records };
        else assertGlobalRecords(records, offset);
      }
    }
    this.#afterContent();
  }

  #takeContent(chunk: Buffer, at: number): number {
    const length = Math.min(this.#left, chunk.length - at);
    if (this.#handler.data !== undefined) this.#handler.data(chunk.subarray(at, at + length));
    this.#left -= length;
    if (this.#left === 0) {
      this.#handler.end?.();
      this.#afterContent();
    }
    return at + length;
  }

  #afterContent(): void {
    this.#left = this.#padding;
    this.#state = this.#padding === 0 ? "header" : "padding";
  }
}

/**
 * Reads the whole archive `chunks` into `handler`, whose `raw` gets every chunk as it comes; returns the archive's size.
 * Leaves the iteration (which closes it) on an error.
 * @throws TAR_INVALID, TAR_LIMIT, TAR_UNSUPPORTED
 */
export async function readTar(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  handler: TarHandler & { raw?(chunk: Buffer): void },
  options: { readonly limits?: TarLimits; readonly signal?: AbortSignal } = {},
): Promise<{ readonly sizeBytes: number }> {
  const reader = new TarReader(handler, options.limits);
  options.signal?.throwIfAborted();
  for await (const chunk of chunks) {
    options.signal?.throwIfAborted();
    const bytes = asBuffer(chunk);
    handler.raw?.(bytes);
    reader.write(bytes);
  }
  reader.end();
  return { sizeBytes: reader.sizeBytes };
}

function asBuffer(chunk: Uint8Array): Buffer {
  return Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

function invalid(fault: string, offset: number): OcibuildError {
  return new OcibuildError("TAR_INVALID", `tar archive ${fault} at offset ${offset}`, { details: { offset } });
}

function overLimit(limit: keyof TarLimits, value: number): OcibuildError {
  return new OcibuildError("TAR_LIMIT", `tar archive exceeds the limit "${limit}" (${value})`, { details: { limit } });
}
