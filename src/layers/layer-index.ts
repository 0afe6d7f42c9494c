/**
 * The index of a layer: what its tar contains and where, so that a file system can be read without unpacking it.
 *
 * Format: magic and version, one record per entry in tar order (variable-length numbers, byte strings), sha256
 * of all before it. A damaged index, or one of another version, decodes to nothing: its tar is then indexed anew.
 */
import { createHash, type Hash, hash } from "node:crypto";
import { type DiffId, digestFromHash } from "../oci/digest.js";
import type { EntryType, TarEntry, Xattrs } from "../tar/entry.js";
import { paddingOf } from "../tar/header.js";
import type { TarLimits } from "../tar/limits.js";
import { readTar } from "../tar/reader.js";
import { ByteRecordReader, ByteRecordWriter } from "../util/byte-records.js";
import { type ByteString, bufferOf, byteStringOf } from "../util/bytes.js";

/** An entry and where its content is. */
export interface IndexedEntry extends TarEntry {
  /** Of the uncompressed tar: where the content (`size` bytes) begins. */
  readonly dataOffset: number;
  /** sha256 of the content, of files for which somebody has computed it. */
  readonly contentDigest: Buffer | undefined;
}

const MAGIC = Buffer.from("ocilidx\x02", "latin1");
const TYPES: readonly EntryType[] = ["file", "dir", "symlink", "hardlink", "char", "block", "fifo"];
const TYPE_MASK = 0x0f;
const HAS_XATTRS = 0x10;
const IS_BEFORE_1970 = 0x20;
const HAS_DIGEST = 0x40;
const DIGEST_BYTES = 32;

/** `entry` with its place. Field by field: a spread would take three times the memory, 60,000 times. */
export function indexedEntry(entry: TarEntry, dataOffset: number, contentDigest?: Buffer): IndexedEntry {
  return {
    path: entry.path,
    type: entry.type,
    mode: entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    size: entry.size,
    mtimeSeconds: entry.mtimeSeconds,
    mtimeNanos: entry.mtimeNanos,
    linkname: entry.linkname,
    devMajor: entry.devMajor,
    devMinor: entry.devMinor,
    xattrs: entry.xattrs,
    dataOffset,
    contentDigest,
  };
}

/** Makes an index entry by entry, in tar order, without keeping them. */
export class LayerIndexWriter {
  readonly #writer = new ByteRecordWriter();
  #previousEnd = 0;

  constructor() {
    this.#writer.raw(MAGIC);
  }

  add(entry: TarEntry, dataOffset: number, contentDigest: Buffer | undefined): void {
    const writer = this.#writer;
    const { type, mtimeSeconds, xattrs, size } = entry;
    const isBefore1970 = mtimeSeconds < 0;
    let flags = TYPES.indexOf(type);
    if (xattrs !== undefined) flags |= HAS_XATTRS;
    if (isBefore1970) flags |= IS_BEFORE_1970;
    if (contentDigest !== undefined) flags |= HAS_DIGEST;
    writer.number(flags);
    writer.number(entry.mode);
    writer.number(entry.uid);
    writer.number(entry.gid);
    writer.number(isBefore1970 ? -mtimeSeconds : mtimeSeconds);
    writer.number(entry.mtimeNanos);
    writer.number(size);
    writer.number(dataOffset - this.#previousEnd);
    writer.text(entry.path);
    writer.text(entry.linkname);
    if (type === "char" || type === "block") {
      writer.number(entry.devMajor);
      writer.number(entry.devMinor);
    }
    if (xattrs !== undefined) writeXattrs(writer, xattrs);
    if (contentDigest !== undefined) writer.raw(contentDigest);
    this.#previousEnd = dataOffset + size + paddingOf(size);
  }

  /** The bytes of the index; nothing can be added afterwards. */
  finish(): Buffer {
    this.#writer.raw(hash("sha256", this.#writer.finish(), "buffer"));
    return this.#writer.finish();
  }
}

/** The index of `entries`, which are in tar order. Equal entries give equal bytes. */
export function encodeLayerIndex(entries: readonly IndexedEntry[]): Buffer {
  const writer = new LayerIndexWriter();
  for (const entry of entries) writer.add(entry, entry.dataOffset, entry.contentDigest);
  return writer.finish();
}

/** The entries of an index in tar order, or `undefined` when it is damaged or of another version. */
export function decodeLayerIndex(bytes: Buffer): IndexedEntry[] | undefined {
  const end = bytes.length - DIGEST_BYTES;
  if (end < MAGIC.length || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  const body = bytes.subarray(0, end);
  if (!hash("sha256", body, "buffer").equals(bytes.subarray(end))) return undefined;
  const reader = new ByteRecordReader(body, MAGIC.length);
  const entries: IndexedEntry[] = [];
  let previousEnd = 0;
  while (reader.isIntact && !reader.isAtEnd) {
    const entry = readRecord(reader, previousEnd);
    if (entry === undefined) return undefined;
    entries.push(entry);
    previousEnd = entry.dataOffset + entry.size + paddingOf(entry.size);
  }
  return reader.isIntact ? entries : undefined;
}

/** What `indexTar` learns of a layer's tar in one pass. */
export interface IndexedTar {
  readonly diffId: DiffId;
  readonly tarSizeBytes: number;
  /** In tar order. */
  readonly entries: IndexedEntry[];
}

export interface IndexTarOptions {
  readonly limits?: TarLimits;
  readonly signal?: AbortSignal;
  /** Whether the content of each file is hashed by itself, so that reading it alone can be checked. */
  readonly contentDigests?: boolean;
}

/**
 * Reads the uncompressed tar `chunks` to its end, padding included.
 * @throws TAR_INVALID, TAR_LIMIT, TAR_UNSUPPORTED
 */
export async function indexTar(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: IndexTarOptions = {},
): Promise<IndexedTar> {
  const tarHash = createHash("sha256");
  const entries: IndexedEntry[] = [];
  let content: Hash | undefined;
  const handler = {
    entry(entry: TarEntry, dataOffset: number): void {
      entries.push(indexedEntry(entry, dataOffset));
      content = options.contentDigests === true && entry.type === "file" ? createHash("sha256") : undefined;
    },
    data(chunk: Buffer): void {
      content?.update(chunk);
    },
    end(): void {
      if (content === undefined) return;
      const entry = entries[entries.length - 1]!;
      entries[entries.length - 1] = indexedEntry(entry, entry.dataOffset, content.digest());
    },
    raw(chunk: Uint8Array): void {
      tarHash.update(chunk);
    },
  };
  const { sizeBytes } = await readTar(chunks, handler, options);
  return { diffId: digestFromHash<DiffId>(tarHash.digest()), tarSizeBytes: sizeBytes, entries };
}

function readRecord(reader: ByteRecordReader, previousEnd: number): IndexedEntry | undefined {
  const flags = reader.number();
  const type = TYPES[flags & TYPE_MASK];
  if (type === undefined) return undefined;
  const mode = reader.number();
  const uid = reader.number();
  const gid = reader.number();
  const seconds = reader.number();
  const mtimeNanos = reader.number();
  const size = reader.number();
  const dataOffset = previousEnd + reader.number();
  const path = reader.text();
  const linkname = reader.text();
  const isDevice = type === "char" || type === "block";
  return {
    path,
    type,
    mode,
    uid,
    gid,
    size,
    mtimeSeconds: (flags & IS_BEFORE_1970) === 0 ? seconds : -seconds,
    mtimeNanos,
    linkname,
    devMajor: isDevice ? reader.number() : 0,
    devMinor: isDevice ? reader.number() : 0,
    xattrs: (flags & HAS_XATTRS) === 0 ? undefined : readXattrs(reader),
    dataOffset,
    contentDigest: (flags & HAS_DIGEST) === 0 ? undefined : reader.raw(DIGEST_BYTES),
  };
}

function writeXattrs(writer: ByteRecordWriter, xattrs: Xattrs): void {
  writer.number(xattrs.size);
  for (const [name, value] of xattrs) {
    writer.text(name);
    writer.text(byteStringOf(value));
  }
}

function readXattrs(reader: ByteRecordReader): Xattrs {
  const xattrs = new Map<ByteString, Buffer>();
  for (let left = reader.number(); left > 0 && reader.isIntact; left--)
    xattrs.set(reader.text(), bufferOf(reader.text()));
  return xattrs;
}
