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

const END = Buffer.alloc(1024);
const ZEROS = Buffer.alloc(512);

/** The tar `chunks` after `rewrite`. Buffers that it yields are valid until the next one is asked for. */
export async function* rewriteTar(
  chunks: AsyncIterable<Uint8Array>,
  rewrite: TarRewrite,
): AsyncGenerator<Buffer, void, undefined> {
  for await (const parts of rewriteParts(chunks, rewrite)) yield parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

/** The same in pieces as they come, headers and contents, for who can take many at once; they last as long as `chunks` do. */
export async function* rewriteParts(
  chunks: AsyncIterable<Uint8Array>,
  rewrite: TarRewrite,
): AsyncGenerator<readonly Buffer[], void, undefined> {
  let pending: Buffer[] = [];
  let keeping = false;
  let padding = 0;
  const output: TarOutput = {
    emit(entry) {
      const header = Buffer.allocUnsafe(headerSizeBound(entry));
      pending.push(header.subarray(0, encodeHeader(entry, header, 0)));
      padding = paddingOf(entry.size);
    },
    keepContent() {
      keeping = true;
    },
  };
  const reader = new TarReader({
    entry(entry) {
      keeping = false;
      rewrite.entry(entry, output);
    },
    data(chunk) {
      if (keeping) pending.push(chunk);
    },
    end() {
      if (keeping && padding > 0) pending.push(ZEROS.subarray(0, padding));
      keeping = false;
    },
  });
  for await (const chunk of chunks) {
    reader.write(Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    if (pending.length > 0) yield pending;
    pending = [];
  }
  reader.end();
  rewrite.end?.(output);
  pending.push(END);
  yield pending;
}
