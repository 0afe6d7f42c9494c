/** Content of entries on its way: up in blocks, of which a few are in memory, and down in ranges, where it broke off. */
import { isOcibuildError } from "../errors.js";
import { isRetryable, retryDelayMs } from "../http/retry.js";
import type { Abortable } from "../oci/blobs.js";
import { type GhaConnection, hidePath } from "./gha-connection.js";
import type { EntryUpload } from "./gha-service.js";

const BLOCK_BYTES = 8 * 1024 * 1024;
/** Of one upload: with four layers at a time that is about 100 MB. */
const BLOCKS_UNDER_WAY = 3;
const MAX_RESUMES = 100;

/** Sends what `bytes` brings, and waits until all of it is there; the entry is not finished. */
export async function uploadBlocks(
  upload: EntryUpload,
  bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: Abortable,
): Promise<void> {
  const underWay = new Set<Promise<void>>();
  let failure: { readonly reason: unknown } | undefined;
  let number = 0;
  let offset = 0;
  const send = async (pieces: readonly Uint8Array[]): Promise<void> => {
    const block = Buffer.concat(pieces);
    const sending: Promise<void> = upload
      .writeBlock({ number: number++, offset, bytes: block }, options)
      .catch((reason: unknown) => {
        failure ??= { reason };
      })
      .finally(() => underWay.delete(sending));
    underWay.add(sending);
    offset += block.length;
    if (underWay.size >= BLOCKS_UNDER_WAY) await Promise.race(underWay);
  };
  try {
    let pieces: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of bytes) {
      for (let from = 0; from < chunk.length; ) {
        const piece = chunk.subarray(from, from + BLOCK_BYTES - size);
        pieces.push(piece);
        from += piece.length;
        size += piece.length;
        if (size < BLOCK_BYTES) continue;
        await send(pieces);
        pieces = [];
        size = 0;
        if (failure !== undefined) throw failure.reason;
      }
    }
    if (size > 0) await send(pieces);
  } finally {
    await Promise.all(underWay);
  }
  if (failure !== undefined) throw failure.reason;
}

/**
 * Content of `sizeBytes` at a URL that `locate` gives, which is asked for another one when the first has expired. Neither
 * size nor digest is checked: that is the reader's.
 * @throws REGISTRY_…; what `locate` throws
 */
export async function* downloadContent(
  connection: GhaConnection,
  locate: (options: Abortable) => Promise<URL>,
  sizeBytes: number,
  options: Abortable,
): AsyncGenerator<Buffer> {
  const { retry, clock } = connection;
  let url = await locate(options);
  let isNew = true;
  let offset = 0;
  let failures = 0;
  for (let resumes = 0; offset < sizeBytes; resumes++) {
    const before = offset;
    try {
      const headers: Record<string, string> = offset === 0 ? {} : { range: `bytes=${offset}-` };
      const response = await connection.blob({ method: "GET", url, headers }, options);
      isNew = false;
      let toSkip = skipOf(response.status, response.header("content-range"), offset);
      for await (const chunk of response.body) {
        const fresh = chunk.subarray(Math.min(toSkip, chunk.length));
        toSkip -= chunk.length - fresh.length;
        if (fresh.length === 0) continue;
        offset += fresh.length;
        yield fresh;
      }
      return;
    } catch (error) {
      options.signal?.throwIfAborted();
      if (resumes === MAX_RESUMES) throw hidePath(error, url, `${url.origin}/…`);
      if (isOcibuildError(error, "REGISTRY_UNAUTHORIZED") && !isNew) {
        url = await locate(options);
        isNew = true;
        continue;
      }
      failures = offset > before ? 1 : failures + 1;
      if (!isRetryable(error) || failures >= retry.attempts) throw hidePath(error, url, `${url.origin}/…`);
      await clock.sleep(retryDelayMs(retry, clock, failures + 1, error), options.signal);
    }
  }
}

/** How much of an answer is known already: of a server that knows no ranges everything is sent again. */
function skipOf(status: number, range: string | undefined, offset: number): number {
  if (status !== 206) return offset;
  const from = /^bytes (\d{1,15})-/.exec(range ?? "")?.[1];
  // Whatever else it may be, the digest will not be right.
  return from === undefined ? 0 : Math.max(0, offset - Number(from));
}
