/** Bytes of a stream as decoders want them: as many in a row as they ask for. */

export class ByteSource {
  readonly #chunks: AsyncIterator<Uint8Array> | Iterator<Uint8Array>;
  #buffer: Buffer = Buffer.alloc(0);
  #start = 0;
  #end = 0;
  #taken = 0;
  /** Whether the buffer may be written to. */
  #isOwn = false;
  #isAtEnd = false;

  constructor(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) {
    this.#chunks = Symbol.asyncIterator in chunks ? chunks[Symbol.asyncIterator]() : chunks[Symbol.iterator]();
  }

  /** The bytes that are here and were not taken: valid until the next `fill`. */
  get bytes(): Buffer {
    return this.#buffer.subarray(this.#start, this.#end);
  }

  /** Reads until `count` bytes are here or there are no more; returns whether they are. */
  async fill(count: number): Promise<boolean> {
    while (this.#end - this.#start < count && !this.#isAtEnd) {
      const { done, value } = await this.#chunks.next();
      if (done === true) this.#isAtEnd = true;
      else this.#append(value, count);
    }
    return this.#end - this.#start >= count;
  }

  /** How many bytes were taken so far. */
  get takenBytes(): number {
    return this.#taken;
  }

  /** Takes `count` bytes that are here. */
  skip(count: number): void {
    this.#start += count;
    this.#taken += count;
  }

  /** Ends the stream; further reads are not possible. */
  async close(): Promise<void> {
    if (!this.#isAtEnd) await this.#chunks.return?.();
  }

  #append(chunk: Uint8Array, wanted: number): void {
    const kept = this.#end - this.#start;
    if (kept === 0) {
      this.#buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
      this.#isOwn = false;
      this.#start = 0;
      this.#end = chunk.length;
      return;
    }
    if (!this.#isOwn || this.#buffer.length - this.#end < chunk.length) {
      // Room for all that is wanted, so that small chunks are not copied over and over.
      const larger = Buffer.allocUnsafeSlow(Math.max(kept + chunk.length, wanted));
      this.#buffer.copy(larger, 0, this.#start, this.#end);
      this.#buffer = larger;
      this.#isOwn = true;
      this.#start = 0;
      this.#end = kept;
    }
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
  }
}
