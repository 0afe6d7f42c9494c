/** bzip2 → bytes: several streams in a row are one; sizes and checksums are checked. */

import { ByteSource } from "./byte-source.js";
import { BitReader, type DecodedBlock, maxBlockBytes, readBlock } from "./bzip2-block.js";
import { DamagedData } from "./damaged-data.js";

const CHUNK_BYTES = 256 * 1024;
const BLOCK = [0x314159, 0x265359] as const;
const END = [0x177245, 0x385090] as const;

/**
 * The bytes of the bzip2 data `chunks`, in pieces of at most 256 KiB. Needs 4 bytes for each byte of a block, 3.6 MB at
 * most.
 * @throws DamagedData
 */
export async function* unpackBzip2(
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

/** What follows a stream is another one, or zeros, which some tools fill up files with. */
async function hasMore(source: ByteSource): Promise<boolean> {
  while (await source.fill(1)) {
    if (source.bytes[0] !== 0) return true;
    source.skip(1);
  }
  return false;
}

async function* unpackStream(source: ByteSource): AsyncGenerator<Buffer> {
  await source.fill(4);
  const level = (source.bytes[3] ?? 0) - 0x30;
  if (source.bytes.toString("latin1", 0, 3) !== "BZh" || level < 1 || level > 9)
    throw new DamagedData("has a wrong header");
  source.skip(4);
  const links = new Uint32Array(level * 100_000);
  const wanted = maxBlockBytes(level);
  let streamCrc = 0;
  /** Bits of the first byte that belong to the block before. */
  let usedBits = 0;
  for (;;) {
    await source.fill(wanted);
    const bits = new BitReader(source.bytes);
    bits.read(usedBits);
    const [high, low] = [bits.read(24), bits.read(24)];
    if (high === END[0] && low === END[1]) {
      const isRight = bits.readUint32() === streamCrc;
      if (bits.isPastEnd) throw new DamagedData("is cut off");
      if (!isRight) throw new DamagedData("has a wrong checksum");
      source.skip(bits.usedBytes);
      return;
    }
    if (high !== BLOCK[0] || low !== BLOCK[1]) throw new DamagedData(bits.isPastEnd ? "is cut off" : "is damaged");
    const block = decode(bits, links);
    streamCrc = (((streamCrc << 1) | (streamCrc >>> 31)) ^ block.crc) >>> 0;
    yield* expand(block);
    usedBits = bits.bitsInByte;
    source.skip(usedBits === 0 ? bits.usedBytes : bits.usedBytes - 1);
  }
}

function decode(bits: BitReader, links: Uint32Array): DecodedBlock {
  let block: DecodedBlock;
  try {
    block = readBlock(bits, links);
  } catch (error) {
    if (bits.isPastEnd) throw new DamagedData("is cut off");
    if (error instanceof DamagedData) throw new DamagedData(`holds a block that ${error.message}`);
    throw error;
  }
  if (bits.isPastEnd) throw new DamagedData("is cut off");
  return block;
}

/** The bytes of a block: after four equal ones comes the number of further ones. */
function* expand({ crc: expected, links, length, origin }: DecodedBlock): Generator<Buffer> {
  let chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  let filled = 0;
  let crc = 0xffffffff;
  let place = links[origin]! >>> 8;
  let last = -1;
  let same = 0;
  for (let left = length; left > 0; left--) {
    const entry = links[place]!;
    place = entry >>> 8;
    const byte = entry & 0xff;
    if (same === 4) {
      same = 0;
      if (filled + byte > CHUNK_BYTES) {
        yield chunk.subarray(0, filled);
        chunk = Buffer.allocUnsafe(CHUNK_BYTES);
        filled = 0;
      }
      chunk.fill(last, filled, filled + byte);
      filled += byte;
      for (let count = byte; count > 0; count--) crc = (crc << 8) ^ TABLE[(crc >>> 24) ^ last]!;
      last = -1;
      continue;
    }
    same = byte === last ? same + 1 : 1;
    last = byte;
    if (filled === CHUNK_BYTES) {
      yield chunk;
      chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      filled = 0;
    }
    chunk[filled++] = byte;
    crc = (crc << 8) ^ TABLE[(crc >>> 24) ^ byte]!;
  }
  if ((crc ^ 0xffffffff) >>> 0 !== expected) throw new DamagedData("has a block with a wrong checksum");
  yield chunk.subarray(0, filled);
}

/** CRC-32 with the most significant bit first. */
const TABLE: Int32Array = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let bit = 0; bit < 8; bit++) crc = crc < 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  return crc;
});
