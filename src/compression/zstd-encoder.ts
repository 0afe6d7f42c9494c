/** One zstd frame per block; frames one after another are a legal zstd stream. @spec RFC 8878 section 3 */
import type { BlockEncoder } from "./block-encoder.js";
import { type ZstdFunctions, zstdFunctions } from "./compression.js";

const NOTHING = Buffer.alloc(0);

export class ZstdEncoder implements BlockEncoder {
  readonly #zstd: ZstdFunctions;
  readonly #level: number;

  /** @throws COMPRESSION_UNSUPPORTED on a Node without zstd */
  constructor(level: number) {
    this.#zstd = zstdFunctions();
    this.#level = level;
  }

  start(): Buffer {
    return NOTHING;
  }

  encode(block: Buffer): Promise<Buffer> | undefined {
    if (block.length === 0) return undefined;
    const params = { [this.#zstd.constants.ZSTD_c_compressionLevel]: this.#level };
    return new Promise((resolve, reject) => {
      this.#zstd.zstdCompress(block, { params }, (error, frame) => (error === null ? resolve(frame) : reject(error)));
    });
  }

  /** Only asked for an empty last block, which needs no frame. */
  store(): Buffer {
    return NOTHING;
  }

  end(): Buffer {
    return NOTHING;
  }
}
