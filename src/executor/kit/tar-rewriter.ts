/** A tar on its way from one side to the other: entries read, changed or dropped, and written again, in bounded memory. */
import type { TarEntry } from "../../tar/entry.js";
import { encodeHeader, headerSizeBound, paddingOf } from "../../tar/header.js";
import { TarReader } from "../../tar/reader.js";

/** Told of each entry; what it calls `emit` with comes out, the content after the last one emitted. */
export interface TarRewrite {
  /** `emit` writes an entry; the content of the entry read goes with it when `keep` is called. */
  entry(entry: TarEntry, output: TarOutput): void;
  /** After the last entry. */
  end?(output: TarOutput): void;
}

export interface TarOutput {
  emit(entry: TarEntry): void;
  /** Passes the content of the entry that is being read on; it must have been emitted last, with its size. */
  keepContent(): void;
}

/** Takes what comes out of a rewrite: entries, each with `size` bytes of content behind it. */
export interface TarSink {
  entry(entry: TarEntry): void;
  /** The next bytes of the content; they are a part of the chunk that was written, and last as long. */
  data(chunk: Buffer): void;
  /** The content is complete; also called where it is empty, unless nothing is known of it. */
  end(): void;
}

const END = Buffer.alloc(1024);
const ZEROS = Buffer.alloc(512);

/** Reads a tar in chunks of any size, and tells `sink` what `rewrite` makes of it. */
export class TarRewriter {
  readonly #reader: TarReader;
  readonly #rewrite: TarRewrite;
  readonly #output: TarOutput;

  constructor(rewrite: TarRewrite, sink: TarSink) {
    let keeping = false;
    this.#rewrite = rewrite;
    this.#output = {
      emit: (entry) => sink.entry(entry),
      keepContent: () => {
        keeping = true;
      },
    };
    this.#reader = new TarReader({
      entry: (entry) => {
        keeping = false;
        rewrite.entry(entry, this.#output);
      },
      data: (chunk) => {
        if (keeping) sink.data(chunk);
      },
      end: () => {
        if (keeping) sink.end();
        keeping = false;
      },
    });
  }

  /** @throws TAR_INVALID, TAR_LIMIT, TAR_UNSUPPORTED, and what the rewrite and the sink throw */
  write(chunk: Uint8Array): void {
    this.#reader.write(Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
  }

  /** After the last chunk. @throws as `write` */
  end(): void {
    this.#reader.end();
    this.#rewrite.end?.(this.#output);
  }
}

/** The bytes of a tar, in pieces as they come: headers, and contents where they lie. */
export class TarEncoder implements TarSink {
  #pieces: Buffer[] = [];
  #padding = 0;

  entry(entry: TarEntry): void {
    const header = Buffer.allocUnsafe(headerSizeBound(entry));
    this.#pieces.push(header.subarray(0, encodeHeader(entry, header, 0)));
    this.#padding = paddingOf(entry.size);
  }

  data(chunk: Buffer): void {
    this.#pieces.push(chunk);
  }

  end(): void {
    if (this.#padding > 0) this.#pieces.push(ZEROS.subarray(0, this.#padding));
  }

  /** After the last entry. */
  finish(): void {
    this.#pieces.push(END);
  }

  /** The pieces since the last call. */
  take(): readonly Buffer[] {
    const pieces = this.#pieces;
    this.#pieces = [];
    return pieces;
  }
}

/** The tar `chunks` after `rewrite`. Buffers that it yields are valid until the next one is asked for. */
export async function* rewriteTar(
  chunks: AsyncIterable<Uint8Array>,
  rewrite: TarRewrite,
): AsyncGenerator<Buffer, void, undefined> {
  const encoder = new TarEncoder();
  const rewriter = new TarRewriter(rewrite, encoder);
  for await (const chunk of chunks) {
    rewriter.write(chunk);
    const pieces = encoder.take();
    if (pieces.length > 0) yield joined(pieces);
  }
  rewriter.end();
  encoder.finish();
  yield joined(encoder.take());
}

function joined(pieces: readonly Buffer[]): Buffer {
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
}
