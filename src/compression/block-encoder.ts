/** What stands between the tar's blocks and the blob: one implementation per compression. */
export interface BlockEncoder {
  /** Bytes before the first block. */
  start(): Buffer;
  /**
   * Begins to compress the next block on another thread. The caller keeps `block` unchanged until the promise settles.
   * `undefined` when compressing is not worth it: the caller then asks for `store` when the block's turn has come.
   */
  encode(block: Buffer, isLast: boolean): Promise<Buffer> | undefined;
  /** The block uncompressed in this format; valid until the next call. */
  store(block: Buffer, isLast: boolean): Buffer;
  /** Bytes after the last block. */
  end(): Buffer;
}
