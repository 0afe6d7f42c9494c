/** One block of bzip2 data: Huffman codes → move-to-front → Burrows–Wheeler → runs. */
import { DamagedData } from "./damaged-data.js";

/** Bits, most significant first. Reading past the end gives zeros; `isPastEnd` tells. */
export class BitReader {
  readonly #bytes: Uint8Array;
  #position = 0;
  #bits = 0;
  #count = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** At most 24. */
  read(count: number): number {
    while (this.#count < count) {
      this.#bits = (this.#bits << 8) | (this.#bytes[this.#position++] ?? 0);
      this.#count += 8;
    }
    this.#count -= count;
    return (this.#bits >>> this.#count) & ((1 << count) - 1);
  }

  readUint32(): number {
    return ((this.read(16) << 16) | this.read(16)) >>> 0;
  }

  get isPastEnd(): boolean {
    return this.usedBytes > this.#bytes.length;
  }

  /** How many bits of the last byte were read; 0 for all of them. */
  get bitsInByte(): number {
    return (8 - (this.#count & 7)) & 7;
  }

  /** Bytes that were read, at least in part. */
  get usedBytes(): number {
    return this.#position - (this.#count >> 3);
  }
}

const MAX_CODE_LENGTH = 20;
const GROUP_SIZE = 50;
const RUN_A = 0;
const RUN_B = 1;

/** Most compressed bytes of a block with `size` hundreds of kilobytes: every symbol as long as can be, and the tables. */
export function maxBlockBytes(level: number): number {
  return Math.ceil((level * 100_000 * MAX_CODE_LENGTH) / 8) + 64 * 1024;
}

/** A block before its runs are expanded. */
export interface DecodedBlock {
  /** Of the expanded bytes. */
  readonly crc: number;
  /** In each entry the byte, and above it where the next entry is. */
  readonly links: Uint32Array;
  readonly length: number;
  /** The entry before the first. */
  readonly origin: number;
}

/** Reads the block that follows its magic number, into `links`. @throws DamagedData */
export function readBlock(bits: BitReader, links: Uint32Array): DecodedBlock {
  const crc = bits.readUint32();
  if (bits.read(1) !== 0) throw new DamagedData("is of a kind that was given up long ago (randomised)");
  const origin = bits.read(24);
  const symbols = readSymbols(bits);
  const tableCount = bits.read(3);
  if (tableCount < 2 || tableCount > 6) throw new DamagedData("has a wrong number of tables");
  const selectors = readSelectors(bits, tableCount);
  const tables: HuffmanTable[] = [];
  for (let at = 0; at < tableCount; at++) tables.push(readTable(bits, symbols.length + 2));
  const length = readLinks(bits, links, symbols, selectors, tables);
  if (origin >= length) throw new DamagedData("begins outside of itself");
  return { crc, links, length, origin };
}

function readSymbols(bits: BitReader): Uint8Array {
  const used = bits.read(16);
  const symbols = new Uint8Array(256);
  let count = 0;
  for (let high = 0; high < 16; high++) {
    if ((used & (0x8000 >> high)) === 0) continue;
    const row = bits.read(16);
    for (let low = 0; low < 16; low++) if ((row & (0x8000 >> low)) !== 0) symbols[count++] = high * 16 + low;
  }
  if (count === 0) throw new DamagedData("uses no symbol");
  return symbols.subarray(0, count);
}

function readSelectors(bits: BitReader, tableCount: number): Uint8Array {
  const count = bits.read(15);
  if (count === 0) throw new DamagedData("has no selectors");
  const order = Array.from({ length: tableCount }, (_, at) => at);
  const selectors = new Uint8Array(count);
  for (let at = 0; at < count; at++) {
    let place = 0;
    while (bits.read(1) === 1) if (++place >= tableCount) throw new DamagedData("selects a table that is not there");
    const [table] = order.splice(place, 1);
    order.unshift(table!);
    selectors[at] = table!;
  }
  return selectors;
}

/** A canonical code: symbols sorted by their codes, and for each length the last code and what leads to its symbol. */
interface HuffmanTable {
  readonly shortest: number;
  readonly limits: Int32Array;
  readonly offsets: Int32Array;
  readonly symbols: Uint16Array;
}

function readTable(bits: BitReader, symbolCount: number): HuffmanTable {
  const lengths = new Uint8Array(symbolCount);
  let length = bits.read(5);
  for (let symbol = 0; symbol < symbolCount; symbol++) {
    while (bits.read(1) === 1) {
      length += bits.read(1) === 0 ? 1 : -1;
      if (length < 1 || length > MAX_CODE_LENGTH) throw new DamagedData("has a code of a wrong length");
    }
    if (length < 1 || length > MAX_CODE_LENGTH) throw new DamagedData("has a code of a wrong length");
    lengths[symbol] = length;
  }
  const limits = new Int32Array(MAX_CODE_LENGTH + 2).fill(-1);
  const offsets = new Int32Array(MAX_CODE_LENGTH + 2);
  const symbols = new Uint16Array(symbolCount);
  let [code, place, shortest] = [0, 0, 0];
  for (let size = 1; size <= MAX_CODE_LENGTH; size++) {
    offsets[size] = place - code;
    for (let symbol = 0; symbol < symbolCount; symbol++) {
      if (lengths[symbol] !== size) continue;
      if (shortest === 0) shortest = size;
      symbols[place++] = symbol;
      code++;
    }
    limits[size] = code - 1;
    code <<= 1;
  }
  return { shortest, limits, offsets, symbols };
}

function decodeSymbol(bits: BitReader, { shortest, limits, offsets, symbols }: HuffmanTable): number {
  let size = shortest;
  let code = bits.read(size);
  while (code > limits[size]!) {
    if (++size > MAX_CODE_LENGTH) throw new DamagedData("has a code that means nothing");
    code = (code << 1) | bits.read(1);
  }
  return symbols[code + offsets[size]!] ?? 0;
}

/** Undoes Huffman codes, runs of the first symbol and move-to-front; then links the bytes in their order. */
function readLinks(
  bits: BitReader,
  links: Uint32Array,
  symbols: Uint8Array,
  selectors: Uint8Array,
  tables: readonly HuffmanTable[],
): number {
  const end = symbols.length + 1;
  const front = Uint8Array.from(symbols);
  const counts = new Int32Array(256);
  let length = 0;
  let run = 0;
  let weight = 1;
  for (let group = 0; ; group++) {
    const table = tables[selectors[group] ?? -1];
    if (table === undefined || bits.isPastEnd) throw new DamagedData("has no end");
    for (let left = GROUP_SIZE; left > 0; left--) {
      const symbol = decodeSymbol(bits, table);
      if (symbol === RUN_A || symbol === RUN_B) {
        // The length of a run, in digits 1 and 2.
        run += weight << symbol;
        weight <<= 1;
        if (run > links.length) throw new DamagedData("is longer than its stream allows");
        continue;
      }
      if (run > 0) {
        const byte = front[0]!;
        if (length + run > links.length) throw new DamagedData("is longer than its stream allows");
        links.fill(byte, length, length + run);
        counts[byte]! += run;
        length += run;
        run = 0;
        weight = 1;
      }
      if (symbol === end) {
        link(links, counts, length);
        return length;
      }
      if (length >= links.length) throw new DamagedData("is longer than its stream allows");
      const place = symbol - 1;
      const byte = front[place]!;
      front.copyWithin(1, 0, place);
      front[0] = byte;
      links[length++] = byte;
      counts[byte]!++;
    }
  }
}

/** The inverse Burrows–Wheeler transform: above each byte, which entry follows. */
function link(links: Uint32Array, counts: Int32Array, length: number): void {
  let sum = 0;
  for (let byte = 0; byte < 256; byte++) {
    const count = counts[byte]!;
    counts[byte] = sum;
    sum += count;
  }
  for (let at = 0; at < length; at++) {
    const byte = links[at]! & 0xff;
    const place = counts[byte]!++;
    links[place]! |= at << 8;
  }
}
