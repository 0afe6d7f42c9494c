/** Numbers and byte strings in a compact binary form: the building stones of our own index files. */
import type { ByteString } from "./bytes.js";

/** Appends to a buffer that grows. */
export class ByteRecordWriter {
  #buffer: Buffer = Buffer.allocUnsafe(64 * 1024);
  #length = 0;

  /** A whole number from 0 to 2^53 − 1, seven bits per byte, lowest first. */
  number(value: number): void {
    this.#reserve(8);
    const buffer = this.#buffer;
    let at = this.#length;
    while (value > 0x7fffffff) {
      buffer[at++] = (value % 0x80) | 0x80;
      value = Math.floor(value / 0x80);
    }
    while (value > 0x7f) {
      buffer[at++] = (value & 0x7f) | 0x80;
      value >>>= 7;
    }
    buffer[at++] = value;
    this.#length = at;
  }

  /** The length, then the bytes. */
  text(value: ByteString): void {
    const { length } = value;
    this.number(length);
    if (length === 0) return;
    this.#reserve(length);
    this.#buffer.write(value, this.#length, length, "latin1");
    this.#length += length;
  }

  /** The bytes alone. */
  raw(bytes: Buffer): void {
    this.#reserve(bytes.length);
    bytes.copy(this.#buffer, this.#length);
    this.#length += bytes.length;
  }

  /** All that was written; the writer must not be used afterwards. */
  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#buffer.length, this.#length + bytes));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}

/** Reads what `ByteRecordWriter` wrote. Beyond the end it answers 0 and the empty string, and `isIntact` becomes false. */
export class ByteRecordReader {
  /** False after a read beyond the end. */
  isIntact = true;
  readonly #buffer: Buffer;
  #at: number;

  constructor(buffer: Buffer, offset: number) {
    this.#buffer = buffer;
    this.#at = offset;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#buffer.length;
  }

  number(): number {
    const buffer = this.#buffer;
    let at = this.#at;
    let value = 0;
    let factor = 1;
    for (;;) {
      const byte = buffer[at];
      if (byte === undefined || factor > 2 ** 49) return this.#fail();
      at++;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) break;
      factor *= 0x80;
    }
    this.#at = at;
    return value;
  }

  text(): ByteString {
    const length = this.number();
    const end = this.#at + length;
    if (end > this.#buffer.length) {
      this.#fail();
      return "" as ByteString;
    }
    const value = this.#buffer.toString("latin1", this.#at, end) as ByteString;
    this.#at = end;
    return value;
  }

  /** A copy of the next `length` bytes. */
  raw(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#buffer.length) {
      this.#fail();
      return Buffer.alloc(0);
    }
    const bytes = Buffer.from(this.#buffer.subarray(this.#at, end));
    this.#at = end;
    return bytes;
  }

  #fail(): number {
    this.isIntact = false;
    this.#at = this.#buffer.length;
    return 0;
  }
}
