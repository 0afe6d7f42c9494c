/** xz → bytes: several streams in a row are one; checks and indexes are verified. @spec xz file format 1.2.1 */
import { createHash, type Hash } from "node:crypto";
import { crc32 } from "node:zlib";
import { OcibuildError } from "../errors.js";
import { ByteSource } from "./byte-source.js";
import { Crc64 } from "./crc64.js";
import { DamagedData } from "./damaged-data.js";
import { dictionarySize, need, unpackLzma2 } from "./lzma2.js";

const STREAM_MAGIC = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]);
const FOOTER_MAGIC = Buffer.from("YZ");
const HEADER_BYTES = 12;
const LZMA2 = 0x21;
/** Blocks that want a larger dictionary are refused: it is memory. `xz -9` wants 64 MiB. */
const MAX_DICTIONARY_BYTES = 128 * 1024 * 1024;
/** Bytes of a check by its kind. */
const CHECK_BYTES = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64] as const;

/**
 * The bytes of the xz data `chunks`. Needs memory for the dictionary that the data asks for, 146 MiB at most.
 * @throws DamagedData; COMPRESSION_UNSUPPORTED for filters and dictionaries that are not read here
 */
export async function* unpackXz(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Buffer, void, undefined> {
  const source = new ByteSource(chunks);
  try {
    do yield* unpackStream(source);
    while (await hasMore(source));
  } finally {
    await source.close();
  }
}

/** Between streams and at the end there may be zeros, a multiple of four. */
async function hasMore(source: ByteSource): Promise<boolean> {
  while (await source.fill(1)) {
    if (source.bytes[0] !== 0) return true;
    await need(source, 4);
    if (source.bytes.readUInt32LE(0) !== 0) throw new DamagedData("goes on after its end");
    source.skip(4);
  }
  return false;
}

async function* unpackStream(source: ByteSource): AsyncGenerator<Buffer> {
  await need(source, HEADER_BYTES);
  const header = Buffer.from(source.bytes.subarray(0, HEADER_BYTES));
  if (!header.subarray(0, 6).equals(STREAM_MAGIC)) throw new DamagedData("has a wrong header");
  const flags = header.subarray(6, 8);
  if (crc32(flags) !== header.readUInt32LE(8)) throw new DamagedData("has a wrong checksum in its header");
  if (flags[0] !== 0 || flags[1]! > 15) throw unsupported("flags of a later version");
  source.skip(HEADER_BYTES);
  // The sizes of all blocks, and of all that the index lists, are compared by their digests: they may be many.
  const sizes = createHash("sha256");
  let blockCount = 0;
  for (;;) {
    await need(source, 1);
    if (source.bytes[0] === 0) break;
    yield* unpackBlock(source, flags[1]!, sizes);
    blockCount++;
  }
  const indexBytes = await readIndex(source, blockCount, sizes.digest());
  await need(source, HEADER_BYTES);
  const footer = source.bytes.subarray(0, HEADER_BYTES);
  const isWhole =
    crc32(footer.subarray(4, 10)) === footer.readUInt32LE(0) &&
    (footer.readUInt32LE(4) + 1) * 4 === indexBytes &&
    footer.subarray(8, 10).equals(flags) &&
    footer.subarray(10).equals(FOOTER_MAGIC);
  if (!isWhole) throw new DamagedData("has a damaged end");
  source.skip(HEADER_BYTES);
}

async function* unpackBlock(source: ByteSource, checkKind: number, sizes: Hash): AsyncGenerator<Buffer> {
  const headerBytes = (source.bytes[0]! + 1) * 4;
  await need(source, headerBytes);
  const header = readBlockHeader(source.bytes.subarray(0, headerBytes));
  source.skip(headerBytes);
  const check = checkOf(checkKind);
  const before = source.takenBytes;
  let size = 0;
  for await (const piece of unpackLzma2(source, header.dictionaryBytes)) {
    check?.update(piece);
    size += piece.length;
    // The piece is part of the dictionary, which moves on.
    yield Buffer.from(piece);
  }
  const packedSize = source.takenBytes - before;
  if ((header.packedSize ?? packedSize) !== packedSize || (header.size ?? size) !== size) {
    throw new DamagedData("has a block that is not as long as it says");
  }
  const padding = (4 - (packedSize % 4)) % 4;
  const checkBytes = CHECK_BYTES[checkKind]!;
  await need(source, padding + checkBytes);
  const end = source.bytes.subarray(0, padding + checkBytes);
  if (end.subarray(0, padding).some((byte) => byte !== 0)) throw new DamagedData("has a block with a damaged end");
  if (check !== undefined && !check.digest().equals(end.subarray(padding))) {
    throw new DamagedData("has a block with a wrong checksum");
  }
  source.skip(padding + checkBytes);
  sizes.update(`${headerBytes + packedSize + checkBytes} ${size}\n`);
}

interface BlockHeader {
  readonly dictionaryBytes: number;
  readonly packedSize: number | undefined;
  readonly size: number | undefined;
}

function readBlockHeader(bytes: Buffer): BlockHeader {
  const end = bytes.length - 4;
  if (crc32(bytes.subarray(0, end)) !== bytes.readUInt32LE(end))
    throw new DamagedData("has a block with a damaged header");
  const flags = bytes[1]!;
  const numbers = new Numbers(bytes.subarray(0, end), 2);
  const packedSize = (flags & 0x40) === 0 ? undefined : numbers.next();
  const size = (flags & 0x80) === 0 ? undefined : numbers.next();
  if ((flags & 0x3c) !== 0) throw unsupported("flags of a later version");
  if ((flags & 0x03) !== 0) throw unsupported("a filter before LZMA2");
  if (numbers.next() !== LZMA2) throw unsupported("another filter than LZMA2");
  const propertyBytes = numbers.next();
  const dictionaryBytes = propertyBytes === 1 ? dictionarySize(bytes[numbers.at] ?? 255) : undefined;
  if (dictionaryBytes === undefined) throw new DamagedData("has a block with a damaged header");
  if (dictionaryBytes > MAX_DICTIONARY_BYTES) {
    throw unsupported(`a dictionary of ${dictionaryBytes} bytes, more than ${MAX_DICTIONARY_BYTES}`);
  }
  return { dictionaryBytes, packedSize, size };
}

/** Reads the index; returns its size. @throws DamagedData when it lists other blocks than there were */
async function readIndex(source: ByteSource, blockCount: number, sizes: Buffer): Promise<number> {
  const listed = createHash("sha256");
  let crc = 0;
  let indexBytes = 0;
  const take = (count: number): void => {
    crc = crc32(source.bytes.subarray(0, count), crc);
    source.skip(count);
    indexBytes += count;
  };
  const next = async (): Promise<number> => {
    await source.fill(9);
    const numbers = new Numbers(source.bytes, 0);
    const value = numbers.next();
    take(numbers.at);
    return value;
  };
  take(1);
  if ((await next()) !== blockCount) throw new DamagedData("has an index that does not fit");
  for (let count = blockCount; count > 0; count--) listed.update(`${await next()} ${await next()}\n`);
  if (!listed.digest().equals(sizes)) throw new DamagedData("has an index that does not fit");
  const padding = (4 - (indexBytes % 4)) % 4;
  await need(source, padding + 4);
  if (source.bytes.subarray(0, padding).some((byte) => byte !== 0)) throw new DamagedData("has a damaged index");
  take(padding);
  if (source.bytes.readUInt32LE(0) !== crc) throw new DamagedData("has a damaged index");
  source.skip(4);
  return indexBytes + 4;
}

/** Numbers of seven bits a byte, the least significant first. */
class Numbers {
  readonly #bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  next(): number {
    let value = 0;
    for (let shift = 0; shift < 63; shift += 7) {
      const byte = this.#bytes[this.at++];
      if (byte === undefined) throw new DamagedData("is cut off");
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        if (byte === 0 && shift > 0) break;
        return value;
      }
    }
    throw new DamagedData("holds a damaged number");
  }
}

interface Check {
  update(bytes: Uint8Array): void;
  digest(): Buffer;
}

/** Computes the check of a block; those that are not known are passed over, as the format wants it. */
function checkOf(kind: number): Check | undefined {
  if (kind === 1) {
    let crc = 0;
    return {
      update: (bytes) => {
        crc = crc32(bytes, crc);
      },
      digest: () => {
        const bytes = Buffer.alloc(4);
        bytes.writeUInt32LE(crc);
        return bytes;
      },
    };
  }
  if (kind === 4) return new Crc64();
  if (kind !== 10) return undefined;
  const hash = createHash("sha256");
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest() };
}

function unsupported(what: string): OcibuildError<"COMPRESSION_UNSUPPORTED"> {
  return new OcibuildError("COMPRESSION_UNSUPPORTED", `xz data with ${what} cannot be read`, {
    details: { compression: "xz" },
    hint: 'Compress it with "xz -9" at most, or decompress it first.',
  });
}
