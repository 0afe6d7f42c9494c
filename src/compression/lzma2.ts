/** LZMA2: chunks of LZMA, or of bytes as they are, over one dictionary. @spec xz file format 1.2.1, section 5.3.1 */
import type { ByteSource } from "./byte-source.js";
import { DamagedData } from "./damaged-data.js";
import { type History, LzmaDecoder } from "./lzma.js";

/** Most bytes that one chunk can bring. */
const MAX_CHUNK_BYTES = 2 ** 21;
/** How many bytes are decoded before those that no match reaches any more are dropped. */
const MAX_SLACK_BYTES = 16 * 1024 * 1024;

/** The size of the dictionary that the byte `property` of a block's header asks for; `undefined` for what means nothing. */
export function dictionarySize(property: number): number | undefined {
  if (property > 40) return undefined;
  if (property === 40) return 0xffffffff;
  return (2 | (property & 1)) * 2 ** ((property >> 1) + 11);
}

/**
 * The bytes of the LZMA2 data that `source` has next, up to its end mark; each piece is good until the next is asked for.
 * @throws DamagedData when they are damaged or cut off
 */
export async function* unpackLzma2(source: ByteSource, dictionaryBytes: number): AsyncGenerator<Buffer> {
  const window = new Window(dictionaryBytes);
  const decoder = new LzmaDecoder();
  let needsDictionary = true;
  let needsProperties = true;
  for (;;) {
    await need(source, 1);
    const control = source.bytes[0]!;
    if (control === 0) {
      source.skip(1);
      return;
    }
    if (control === 1 || control >= 0xe0) {
      window.reset();
      needsDictionary = false;
      needsProperties = true;
    } else if (needsDictionary) throw new DamagedData("begins without a dictionary");
    if (control < 0x80) {
      if (control > 2) throw new DamagedData("has a wrong control byte");
      await need(source, 3);
      const size = source.bytes.readUInt16BE(1) + 1;
      await need(source, 3 + size);
      yield window.append(source.bytes.subarray(3, 3 + size));
      source.skip(3 + size);
      continue;
    }
    await need(source, 6);
    const header = source.bytes;
    const size = ((control & 0x1f) << 16) + header.readUInt16BE(1) + 1;
    const packedSize = header.readUInt16BE(3) + 1;
    let start = 5;
    if (control >= 0xc0) {
      decoder.setProperties(header[5]!);
      needsProperties = false;
      start = 6;
    } else if (needsProperties) throw new DamagedData("begins without properties");
    if (control >= 0xa0) decoder.reset();
    if (packedSize < 5) throw new DamagedData("has a chunk that is too short");
    await need(source, start + packedSize);
    yield window.decode(decoder, source.bytes.subarray(start, start + packedSize), size);
    source.skip(start + packedSize);
  }
}

/** Waits for bytes. @throws DamagedData when there are none */
export async function need(source: ByteSource, count: number): Promise<void> {
  if (!(await source.fill(count))) throw new DamagedData("is cut off");
}

/** The last decoded bytes, as many as the dictionary holds, with room for what comes next. */
class Window {
  readonly #dictionaryBytes: number;
  readonly #fullBytes: number;
  #history: History;
  /** Bytes since the dictionary was reset. */
  #total = 0;

  constructor(dictionaryBytes: number) {
    this.#dictionaryBytes = dictionaryBytes;
    this.#fullBytes = dictionaryBytes + MAX_CHUNK_BYTES + Math.min(dictionaryBytes, MAX_SLACK_BYTES);
    // Small files need no large dictionary, whatever they ask for.
    const bytes = Buffer.allocUnsafeSlow(Math.min(this.#fullBytes, 2 * MAX_CHUNK_BYTES));
    this.#history = { bytes, position: 0, start: 0 };
  }

  reset(): void {
    this.#history.start = this.#history.position;
    this.#total = 0;
  }

  append(bytes: Uint8Array): Buffer {
    this.#makeRoom(bytes.length);
    const from = this.#history.position;
    this.#history.bytes.set(bytes, from);
    this.#history.position += bytes.length;
    return this.#since(from);
  }

  decode(decoder: LzmaDecoder, packed: Uint8Array, size: number): Buffer {
    this.#makeRoom(size);
    const from = this.#history.position;
    this.#limitReach();
    decoder.decode(packed, this.#history, size, this.#total);
    return this.#since(from);
  }

  #since(from: number): Buffer {
    const { bytes, position } = this.#history;
    this.#total += position - from;
    return (bytes as Buffer).subarray(from, position);
  }

  #limitReach(): void {
    const oldest = this.#history.position - this.#dictionaryBytes;
    if (oldest > this.#history.start) this.#history.start = oldest;
  }

  #makeRoom(count: number): void {
    const { bytes, position, start } = this.#history;
    if (position + count <= bytes.length) return;
    const kept = Math.min(position - start, this.#dictionaryBytes);
    const isLarge = kept + count > bytes.length / 2 && bytes.length < this.#fullBytes;
    const target = isLarge ? Buffer.allocUnsafeSlow(Math.min(this.#fullBytes, bytes.length * 2)) : (bytes as Buffer);
    (bytes as Buffer).copy(target, 0, position - kept, position);
    this.#history = { bytes: target, position: kept, start: 0 };
  }
}
