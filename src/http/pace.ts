/** Bodies that move too slowly, in either direction: bytes must come, and not one by one for ever (threat R6). */
import type { Clock } from "./clock.js";

/** The codes of the errors for them. */
export const TOO_SLOW = "ERR_OCIBUILD_TOO_SLOW";
export const UPLOAD_STALLED = "ERR_OCIBUILD_UPLOAD_STALLED";

export interface SlowestPace {
  /** So many bytes at least … */
  readonly bytes: number;
  /** … in so much time of waiting for them. */
  readonly perMs: number;
}

/** Slower than any line that is still used. */
export const DEFAULT_PACE: SlowestPace = { bytes: 16 * 1024, perMs: 60_000 };

const PIECE_BYTES = 256 * 1024;

/** Passes a body on; fails when waiting for it brings less than the slowest pace. The consumer may take its time. */
export async function* atPace(body: AsyncIterable<Buffer>, pace: SlowestPace, clock: Clock): AsyncGenerator<Buffer> {
  let waitedMs = 0;
  let bytes = 0;
  let askedMs = clock.monotonicMs();
  for await (const chunk of body) {
    waitedMs += clock.monotonicMs() - askedMs;
    bytes += chunk.length;
    if (waitedMs >= pace.perMs) {
      if (bytes < pace.bytes) {
        const message = `only ${bytes} bytes came in ${Math.round(waitedMs / 1000)} s`;
        throw Object.assign(new Error(message), { code: TOO_SLOW });
      }
      waitedMs = 0;
      bytes = 0;
    }
    yield chunk;
    askedMs = clock.monotonicMs();
  }
}

/** Passes a request's body on piece by piece; calls `onStall` when a piece is not taken for `idleMs`. */
export async function* watched(
  body: AsyncIterable<Uint8Array> | Uint8Array,
  idleMs: number,
  onStall: () => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of body instanceof Uint8Array ? piecesOf(body) : body) {
    const timer = setTimeout(onStall, idleMs);
    try {
      yield chunk;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The error that ends a request whose body is not taken. */
export function uploadStalled(): Error {
  return Object.assign(new Error("the upload stalled"), { code: UPLOAD_STALLED });
}

function* piecesOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
}
