/** Looking at the start of a stream without losing it. */
import { Readable } from "node:stream";
import { OcibuildError } from "../errors.js";
import { DEFAULT_DOCKERFILE, DOCKERFILE_LIMIT_BYTES, tooLarge } from "./find-dockerfile.js";

export interface PeekedStream {
  /** The first bytes: as many as asked for, fewer only when the stream has no more. */
  readonly head: Buffer;
  /** The whole stream, `head` included. */
  readonly stream: Readable;
}

/**
 * Reads the first `count` bytes of `source`, which must not be used any more afterwards.
 * @throws CONTEXT_UNREADABLE
 */
export async function peekStream(source: Readable, count: number): Promise<PeekedStream> {
  const chunks: Buffer[] = [];
  const iterator = source[Symbol.asyncIterator]() as AsyncIterator<Uint8Array | string>;
  for (let length = 0; length < count; ) {
    const { done, value } = await iterator.next().catch((error: unknown) => {
      throw unreadableStream("standard input", error);
    });
    if (done === true) break;
    const chunk = Buffer.from(value as Uint8Array);
    chunks.push(chunk);
    length += chunk.length;
  }
  async function* whole(): AsyncGenerator<Uint8Array> {
    yield* chunks;
    yield* { [Symbol.asyncIterator]: () => iterator } as AsyncIterable<Uint8Array>;
  }
  return { head: Buffer.concat(chunks).subarray(0, count), stream: Readable.from(whole(), { objectMode: false }) };
}

/**
 * The Dockerfile that `source` holds.
 * @throws DOCKERFILE_TOO_LARGE, CONTEXT_UNREADABLE
 */
export async function readStreamText(source: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of source as AsyncIterable<Uint8Array>) {
      length += chunk.length;
      if (length > DOCKERFILE_LIMIT_BYTES) throw tooLarge(DEFAULT_DOCKERFILE);
      chunks.push(Buffer.from(chunk));
    }
  } catch (error) {
    throw error instanceof OcibuildError ? error : unreadableStream("standard input", error);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** The error for a stream that broke off. */
export function unreadableStream(what: string, cause: unknown): OcibuildError<"CONTEXT_UNREADABLE"> {
  const { code, message } = cause as NodeJS.ErrnoException;
  return new OcibuildError("CONTEXT_UNREADABLE", `${what} cannot be read to its end (${code ?? message})`, {
    details: { path: "-" },
    cause,
  });
}
