/**
 * Compressed layer blob or archive → tar bytes, with nothing left over: cut off, damaged or followed by anything but zeros is
 * an error. Several gzip members, zstd frames, xz or bzip2 streams in a row are one stream.
 */
import zlib from "node:zlib";
import { OcibuildError } from "../errors.js";
import { type LayerCompression, parseLayerMediaType } from "../oci/media-types.js";
import { zstdFunctions } from "./compression.js";
import { DamagedData } from "./damaged-data.js";

export interface DecompressOptions {
  /** Most bytes that may come out. */
  readonly limitBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Bytes that come out at a time. */
const CHUNK_BYTES = 256 * 1024;
/** zstd blobs that need a larger window (128 MiB) are refused: the window is memory. */
const ZSTD_WINDOW_LOG_MAX = 27;

/**
 * The uncompressed tar of the layer blob `chunks`. Pulls the next chunk only when it has given out all of the last one.
 * Leaving the loop closes both the decompressor and `chunks`.
 * @throws COMPRESSION_INVALID; COMPRESSION_UNSUPPORTED for media types that are no layer we can read, and for zstd on a Node
 * without it; LIMIT_EXCEEDED; the signal's reason
 * @spec layer.md#vndociimagelayerv1tar-media-type
 */
export function decompress(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  mediaType: string,
  options: DecompressOptions = {},
): AsyncGenerator<Buffer, void, undefined> {
  const layer = parseLayerMediaType(mediaType);
  if (layer !== undefined) return decompressAs(chunks, layer.compression, options);
  throw new OcibuildError(
    "COMPRESSION_UNSUPPORTED",
    `media type ${JSON.stringify(mediaType)} is not a known layer type`,
    {
      details: { compression: mediaType },
    },
  );
}

/** How archives can be compressed that are no layers. */
export type ArchiveCompression = LayerCompression | "xz" | "bzip2";

/** `decompress` for bytes whose compression is known otherwise. @throws like `decompress` */
export async function* decompressAs(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  kind: ArchiveCompression,
  options: DecompressOptions = {},
): AsyncGenerator<Buffer, void, undefined> {
  const { limitBytes = Number.POSITIVE_INFINITY, signal } = options;
  signal?.throwIfAborted();
  if (kind === "zstd") zstdFunctions();
  let totalBytes = 0;
  for await (const bytes of unpack(chunks, kind)) {
    signal?.throwIfAborted();
    totalBytes += bytes.length;
    if (totalBytes > limitBytes) {
      throw new OcibuildError("LIMIT_EXCEEDED", `uncompressed content exceeds the limit of ${limitBytes} bytes`, {
        details: { limit: "uncompressedBytes", value: limitBytes },
      });
    }
    yield bytes;
  }
}

function unpack(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  kind: ArchiveCompression,
): AsyncGenerator<Buffer> {
  if (kind === "uncompressed") return asBuffers(chunks);
  return kind === "gzip" || kind === "zstd" ? inflate(chunks, kind) : unpackOther(chunks, kind);
}

/** Formats that Node does not know: their decoders are ours, and loaded when one is met. */
async function* unpackOther(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  kind: "xz" | "bzip2",
): AsyncGenerator<Buffer> {
  const unpackFormat = kind === "xz" ? (await import("./xz.js")).unpackXz : (await import("./bzip2.js")).unpackBzip2;
  try {
    yield* unpackFormat(chunks);
  } catch (error) {
    throw error instanceof DamagedData ? invalid(kind, error.message, error) : error;
  }
}

async function* asBuffers(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) yield asBuffer(chunk);
}

async function* inflate(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  kind: "gzip" | "zstd",
): AsyncGenerator<Buffer> {
  let engine = new Engine(kind);
  let isPadding = false;
  try {
    for await (const chunk of chunks) {
      let rest = asBuffer(chunk);
      while (rest.length > 0 && !isPadding) {
        yield* engine.feed(rest);
        rest = rest.subarray(rest.length - engine.unusedBytes);
        if (rest.length === 0) break;
        // Node goes on with the next gzip member by itself, unless it begins with a zero; it stops after each zstd frame.
        if (kind === "gzip") isPadding = true;
        engine.close();
        if (kind === "zstd") engine = new Engine(kind);
      }
      if (isPadding && rest.some((byte) => byte !== 0)) throw invalid(kind, "goes on after its end");
    }
    if (!isPadding) yield* engine.finish();
  } finally {
    engine.close();
  }
}

/** One of Node's decompressors, driven by hand: a chunk in, all it yields out, then the next. */
class Engine {
  readonly #kind: "gzip" | "zstd";
  readonly #stream: zlib.Gunzip;
  #givenBytes = 0;
  #error: Error | undefined;
  #hasEnded = false;
  #wake: () => void = () => {};

  constructor(kind: "gzip" | "zstd") {
    this.#kind = kind;
    this.#stream = createStream(kind);
    this.#stream.on("readable", () => this.#wake());
    this.#stream.on("end", () => {
      this.#hasEnded = true;
      this.#wake();
    });
    this.#stream.on("error", (error: Error) => {
      this.#error ??= error;
      this.#wake();
    });
  }

  /** Bytes of the last chunk that it did not take, because the compressed data had ended before them. */
  get unusedBytes(): number {
    return this.#givenBytes - this.#stream.bytesWritten;
  }

  async *feed(chunk: Buffer): AsyncGenerator<Buffer> {
    let isDone = false;
    this.#givenBytes += chunk.length;
    this.#stream.write(chunk, () => {
      isDone = true;
      this.#wake();
    });
    yield* this.#readUntil(() => isDone);
  }

  async *finish(): AsyncGenerator<Buffer> {
    this.#stream.end();
    yield* this.#readUntil(() => this.#hasEnded);
  }

  close(): void {
    this.#stream.destroy();
  }

  async *#readUntil(isDone: () => boolean): AsyncGenerator<Buffer> {
    for (;;) {
      const bytes = this.#stream.read() as Buffer | null;
      if (bytes !== null) {
        yield bytes;
      } else if (this.#error !== undefined) {
        throw invalid(this.#kind, "is damaged or cut off", this.#error);
      } else if (isDone()) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

function createStream(kind: "gzip" | "zstd"): zlib.Gunzip {
  const options = { chunkSize: CHUNK_BYTES, readableHighWaterMark: CHUNK_BYTES };
  if (kind === "gzip") return zlib.createGunzip(options);
  const zstd = zstdFunctions();
  return zstd.createZstdDecompress({
    ...options,
    params: { [zstd.constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX },
  });
}

function asBuffer(chunk: Uint8Array): Buffer {
  return Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

function invalid(kind: ArchiveCompression, fault: string, cause?: unknown): OcibuildError {
  return new OcibuildError("COMPRESSION_INVALID", `${kind} data ${fault}`, { details: { compression: kind }, cause });
}
